// A file appears under its name whole or not at all.
import { assertEquals, assertRejects } from "@std/assert";
import { join } from "node:path";
import { commit, partPath, writeAll, writeAtomically } from "../../../shared/atomic_file.ts";
import * as fixtures from "../../fixtures/data_files.ts";

function test(name: string, run: (path: string) => Promise<void>): void {
  Deno.test({
    name,
    ignore: fixtures.WITHOUT_FILES,
    fn: async () => {
      using directory = fixtures.temporaryDirectory();
      await run(join(directory.path, "x.json"));
    },
  });
}

const names = (path: string) => fixtures.filesBelow(join(path, ".."));

test("writeAtomically() writes bytes and texts, replaces what was there, and leaves nothing else", async (path) => {
  await writeAtomically(path, "Größe");
  assertEquals(Deno.readTextFileSync(path), "Größe");
  Deno.writeTextFileSync(partPath(path), "what a killed process has left, longer than the next");
  await writeAtomically(path, Uint8Array.of(1, 2));
  assertEquals(Deno.readFileSync(path), Uint8Array.of(1, 2));
  assertEquals(names(path), ["x.json"]);
});

test("writeAtomically() writes for its user alone, whatever was left there, and does not follow a link", async (path) => {
  const elsewhere = join(path, "..", "precious");
  Deno.writeTextFileSync(elsewhere, "precious");
  Deno.symlinkSync(elsewhere, partPath(path));
  const modes: number[] = [];
  for (const content of ["new", "newer"]) {
    await writeAtomically(path, content);
    modes.push(Deno.lstatSync(path).mode! & 0o777);
    assertEquals(Deno.readTextFileSync(path), content);
    Deno.writeTextFileSync(partPath(path), "left by an older Herd", { mode: 0o666 });
  }
  assertEquals(modes, [0o600, 0o600]);
  assertEquals([Deno.readTextFileSync(elsewhere), Deno.lstatSync(path).isSymlink], ["precious", false]);
});

test("writeAtomically() that fails keeps the old file", async (path) => {
  await writeAtomically(path, "old");
  Deno.mkdirSync(join(partPath(path), "in the way"), { recursive: true });
  await assertRejects(() => writeAtomically(path, "new"));
  assertEquals(Deno.readTextFileSync(path), "old");
});

test("writeAtomically() that cannot rename removes what it wrote", async (path) => {
  Deno.mkdirSync(join(path, "in the way"), { recursive: true });
  await assertRejects(() => writeAtomically(path, "new"));
  assertEquals(names(path), []);
});

test("commit() puts the content on the disk before the file gets its name", async (path) => {
  Deno.writeTextFileSync(partPath(path), "whole");
  const seen: string[][] = [];
  await commit({ sync: () => Promise.resolve(void seen.push(names(path))) }, path);
  assertEquals([...seen, names(path)], [["x.json.part"], ["x.json"]]);
});

Deno.test("writeAll() goes on after a write of fewer bytes, and does not turn for ever", async () => {
  const taken: number[] = [];
  const room = 5;
  const file = {
    write(bytes: Uint8Array) {
      const count = Math.min(2, bytes.length, room - taken.length);
      taken.push(...bytes.subarray(0, count));
      return Promise.resolve(count);
    },
  };
  await writeAll(file, Uint8Array.of(1, 2, 3));
  assertEquals(taken, [1, 2, 3]);
  await assertRejects(() => writeAll(file, Uint8Array.of(4, 5, 6)), Error, "no more bytes");
  assertEquals(taken, [1, 2, 3, 4, 5]);
});
