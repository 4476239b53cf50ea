// Imports point one way: between parts, between the coordinator's rooms, and between files.
import { assert, assertEquals } from "@std/assert";
import { dirname, join, normalize, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { granted } from "../fixtures/permissions.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** The root: the command line, the library, and what both wire. */
const ROOT_FILES = ["main.ts"];

/** What each part may import from. */
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
  ["experiment", "storage", "report", "relay", "dashboard", "inference"],
  ["launch", "cluster"],
  ["door"],
  ["events"],
  ["statistics"],
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
  const files = ROOT_FILES.map((file) => join(ROOT, file));
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
      const byTheDoor = there === here || there === "shared" || ROOT_FILES.includes(there) ||
        to === `${there}/mod.ts`;
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

/** A name that a mod.ts exports. */
interface Export {
  readonly name: string;
  readonly isType: boolean;
  /** The file that declares it, from the root. */
  readonly from: string;
}

/** The names in the braces of an import or export, before they are renamed. */
function namesIn(braces: string, isType: boolean): { readonly name: string; readonly isType: boolean }[] {
  return braces.split(",").map((one) => one.trim()).filter((one) => one !== "").map((one) => ({
    name: one.replace(/^type /, "").replace(/ as .*$/, ""),
    isType: isType || one.startsWith("type "),
  }));
}

const pathOf = (from: string, specifier: string) =>
  relative(ROOT, normalize(join(ROOT, dirname(from), specifier))).replaceAll("\\", "/");

/** What a mod.ts exports: its own declarations too. */
function exportsOf(path: string, code: string): Export[] {
  const passedOn = [...code.matchAll(/^export (type )?\{([^}]*)\} from "(\.[^"]+)"/gm)].flatMap(
    ([, type, braces, specifier]) =>
      namesIn(braces!, type !== undefined).map((one) => ({ ...one, from: pathOf(path, specifier!) })),
  );
  const own = [...code.matchAll(/^export (?:async )?(function|const|class|interface|type) (\w+)/gm)].map(
    ([, kind, name]) => ({ name: name!, isType: kind === "interface" || kind === "type", from: path }),
  );
  return [...passedOn, ...own];
}

/** "path name" of all that a file takes of others; of what it imports as it runs, every word that it has. */
function takenBy(path: string, code: string): string[] {
  const statically = [...code.matchAll(/^(?:import|export) (?:type )?\{([^}]*)\} from "(\.[^"]+)"/gm)].flatMap(
    ([, braces, specifier]) => namesIn(braces!, false).map(({ name }) => `${pathOf(path, specifier!)} ${name}`),
  );
  const asItRuns = [...code.matchAll(/import\("(\.[^"]+)"\)/g)].flatMap(([, specifier]) =>
    [...new Set(code.match(/\w+/g))].map((word) => `${pathOf(path, specifier!)} ${word}`)
  );
  return [...statically, ...asItRuns];
}

/** A file's text without what it imports and passes on. */
const declarationsOf = (code: string) => code.replace(/^(?:import|export) (?:type )?\{[^}]*\} from "[^"]+";$/gm, "");

/** What is exported by a mod.ts, imported by nobody, and not among the words in which its other exports speak. */
function superfluous(files: ReadonlyMap<string, string>): string[] {
  const isFace = (path: string) => path.endsWith("/mod.ts") && !path.includes("/std/");
  const declarer = ({ name, isType, from }: Export): Export => {
    const further = isFace(from) ? exportsOf(from, files.get(from)!).find((one) => one.name === name) : undefined;
    return further === undefined || further.from === from ? { name, isType, from } : declarer(further);
  };
  const taken = new Set([...files].flatMap(([path, code]) => takenBy(path, code)));
  return [...files.keys()].filter(isFace).flatMap((face) => {
    const all = exportsOf(face, files.get(face)!).map(declarer);
    const isSaid = ({ name, isType, from }: Export) =>
      isType && from.startsWith(`${dirname(face)}/`) && all.some((other) => {
        const uses = declarationsOf(files.get(other.from)!).match(new RegExp(`\\b${name}\\b`, "g")) ?? [];
        return other.name !== name && uses.length > (other.from === from ? 1 : 0);
      });
    return all.filter((one) => !taken.has(`${face} ${one.name}`) && !isSaid(one)).map(({ name }) => `${face} ${name}`);
  });
}

Deno.test({
  name: "a mod.ts exports what somebody imports, and the types in which that speaks",
  ignore,
  async fn() {
    const paths = [...ROOT_FILES];
    for (const part of ["coordinator", "worker", "data", "shared", "tests"]) {
      paths.push(...(await sources(join(ROOT, part))).map((path) => relative(ROOT, path).replaceAll("\\", "/")));
    }
    const files = new Map(
      await Promise.all(
        paths.map(async (path) => [path, await Deno.readTextFile(join(ROOT, path))] as const),
      ),
    );
    assertEquals(superfluous(files), []);
  },
});

Deno.test("an export that nobody imports is found, a type in which another speaks is not", () => {
  const files = new Map([
    [
      "a/mod.ts",
      'export { used, unused, type Said, type Unsaid } from "./x.ts";\nexport type { Word } from "../b/y.ts";\nexport function own() {}\n',
    ],
    [
      "a/x.ts",
      "export interface Said {}\nexport interface Unsaid {}\nexport function used(): Said {}\nexport const unused = 1;\n",
    ],
    ["b/y.ts", 'import { used } from "../a/mod.ts";\nexport type Word = string;\n'],
  ]);
  assertEquals(superfluous(files), ["a/mod.ts unused", "a/mod.ts Unsaid", "a/mod.ts Word", "a/mod.ts own"]);
});
