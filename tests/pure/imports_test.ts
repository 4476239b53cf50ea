// Imports point one way: between parts, between the coordinator's rooms, and between files.
import { assert, assertEquals } from "@std/assert";
import { dirname, join, normalize, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { granted } from "../fixtures/permissions.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** What each part may import from; main.ts is the root. */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  "main.ts": ["coordinator", "worker", "data", "shared"],
  coordinator: ["coordinator", "data", "shared"],
  worker: ["worker", "data", "shared"],
  data: ["data", "shared"],
  shared: ["shared"],
};

/** The coordinator's rooms by floor: whoever imports looks down, or at a neighbour that does not look back. */
const FLOORS: readonly (readonly string[])[] = [
  ["commands"],
  ["experiment", "storage", "report", "relay"],
  ["launch", "cluster"],
  ["door"],
  ["events"],
];
/** Neighbours that know nothing of each other. */
const STRANGERS = [["launch", "cluster"], ["cluster", "launch"]];

interface Import {
  /** Paths from the root. */
  readonly from: string;
  readonly to: string;
}

async function sources(folder: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = join(folder, name);
    if (isDirectory) found.push(...await sources(path));
    else if (name.endsWith(".ts")) found.push(path);
  }
  return found;
}

/** Every import of a file of the project by another. */
async function allImports(): Promise<Import[]> {
  const files = [join(ROOT, "main.ts")];
  for (const part of ["coordinator", "worker", "data", "shared"]) files.push(...await sources(join(ROOT, part)));
  const found: Import[] = [];
  for (const file of files) {
    const code = await Deno.readTextFile(file);
    for (const [, specifier] of code.matchAll(/(?:from|import)\s*\(?\s*"(\.[^"]+)"/g)) {
      const to = relative(ROOT, normalize(join(dirname(file), specifier!))).replaceAll("\\", "/");
      if (to !== "deno.json") found.push({ from: relative(ROOT, file).replaceAll("\\", "/"), to });
    }
  }
  assert(found.length > 100, "the sources were found");
  return found;
}

const partOf = (path: string) => path.split("/")[0]!;

/** The room of a file; undefined for those that are in none. */
function roomOf(path: string): string | undefined {
  const [part, room, file] = path.split("/");
  return part === "coordinator" && file !== undefined ? room : undefined;
}

const say = ({ from, to }: Import) => `${from} imports ${to}`;

/** Nodes that lie on a circle, each with a way back to itself. */
function circles(edges: readonly (readonly [string, string])[]): string[] {
  const next = new Map<string, Set<string>>();
  for (const [from, to] of edges) next.set(from, (next.get(from) ?? new Set()).add(to));
  const found: string[] = [];
  const done = new Set<string>();
  const visit = (node: string, path: readonly string[]) => {
    const at = path.indexOf(node);
    if (at >= 0) found.push([...path.slice(at), node].join(" → "));
    if (at >= 0 || done.has(node)) return;
    for (const one of next.get(node) ?? []) visit(one, [...path, node]);
    done.add(node);
  };
  for (const node of next.keys()) visit(node, []);
  return found;
}

const ignore = !await granted("read"); // reads the sources

Deno.test({
  name: "imports point one way, and other folders are entered by mod.ts (shared: by its files)",
  ignore,
  async fn() {
    const wrong = (await allImports()).filter(({ from, to }) => {
      const [here, there] = [partOf(from), partOf(to)];
      const byTheDoor = there === here || there === "shared" || to === `${there}/mod.ts`;
      return !ALLOWED[here]!.includes(there) || !byTheDoor;
    });
    assertEquals(wrong.map(say), []);
  },
});

Deno.test({
  name: "imports between the coordinator's rooms point down, and a room is entered by its mod.ts",
  ignore,
  async fn() {
    const between = (await allImports()).flatMap(({ from, to }) => {
      const [here, there] = [roomOf(from), roomOf(to)];
      return here === undefined || there === undefined || here === there ? [] : [{ from, to, here, there }];
    });
    const floorOf = (room: string) => FLOORS.findIndex((rooms) => rooms.includes(room));
    const unknown = between.filter(({ here, there }) => floorOf(here) < 0 || floorOf(there) < 0);
    assertEquals(unknown.map(say), [], "rooms that are on no floor");
    const wrong = between.filter(({ to, here, there }) =>
      floorOf(here) > floorOf(there) ||
      STRANGERS.some(([one, other]) => one === here && other === there) ||
      to !== `coordinator/${there}/mod.ts`
    );
    assertEquals(wrong.map(say), []);
    assertEquals(circles(between.map(({ here, there }) => [here, there])), []);
  },
});

Deno.test({
  name: "imports between files make no circle",
  ignore,
  async fn() {
    assertEquals(circles((await allImports()).map(({ from, to }) => [from, to])), []);
  },
});
