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

async function sources(folder: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = join(folder, name);
    if (isDirectory) found.push(...await sources(path));
    else if (name.endsWith(".ts")) found.push(path);
  }
  return found;
}

const partOf = (path: string) => relative(ROOT, path).split(/[\\/]/)[0]!;

Deno.test({
  name: "imports point one way, and other folders are entered by mod.ts (shared: by its files)",
  ignore: !await granted("read"), // reads the sources
  async fn() {
    const files = [join(ROOT, "main.ts")];
    for (const part of ["coordinator", "worker", "data", "shared"]) files.push(...await sources(join(ROOT, part)));
    const wrong: string[] = [];
    for (const file of files) {
      const code = await Deno.readTextFile(file);
      for (const [, specifier] of code.matchAll(/(?:from|import)\s*\(?\s*"(\.[^"]+)"/g)) {
        const target = normalize(join(dirname(file), specifier!));
        const [from, to] = [partOf(file), partOf(target)];
        if (to === "deno.json") continue;
        const allowed = ALLOWED[from]!.includes(to);
        const byTheDoor = to === from || to === "shared" || relative(ROOT, target) === join(to, "mod.ts");
        if (!allowed || !byTheDoor) wrong.push(`${relative(ROOT, file)} imports ${specifier}`);
      }
    }
    assertEquals(wrong, []);
    assert(files.length > 30, "the sources were found");
  },
});
