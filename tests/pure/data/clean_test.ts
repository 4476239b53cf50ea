// The bound on the cache: who has to go, who may stay, and what killed processes leave.
import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { basename, dirname, join } from "node:path";
import { type CacheFile, filesToRemove } from "../../../data/clean.ts";
import {
  ChunkedCacheWriter,
  cleanCache,
  describeCache,
  openLogFolder,
  PackedDataset,
  resolveDataset,
  ServedDataset,
} from "../../../data/mod.ts";
import { PartFile } from "../../../data/part_file.ts";
import { CHUNK_BYTES } from "../../../shared/dataset_manifest.ts";
import * as fixtures from "../../fixtures/data_files.ts";

const NOW = 1_000_000_000_000;
const HOUR = 3_600_000;

/** A packed file of 10 bytes. */
function file(hoursAgo: number, changes: Partial<CacheFile> = {}): CacheFile {
  return { kind: "packed", path: `${hoursAgo}`, bytes: 10, used: NOW - hoursAgo * HOUR, isScrap: false, ...changes };
}

function removed(files: readonly CacheFile[], limit: number, inUse: readonly CacheFile[] = []): string[] {
  return filesToRemove(files, { limit, now: NOW, inUse: new Set(inUse) }).map(({ path }) => path);
}

Deno.test("filesToRemove() takes the least recently used, of all kinds, until the rest is within the limit", () => {
  const files = [file(3), file(9, { kind: "downloads" }), file(5, { kind: "relays" }), file(7, { kind: "fetched" })];
  assertEquals(removed(files, 40), []);
  assertEquals(removed(files, 39), ["9"]);
  assertEquals(removed(files, 30), ["9"]);
  assertEquals(removed(files, 15), ["9", "7", "5"]);
  assertEquals(removed(files, 0), ["9", "7", "5", "3"]);
});

Deno.test("filesToRemove() spares what is in use and what was used a moment ago, and counts them", () => {
  const [old, older, fresh] = [file(3), file(9), file(0.1)];
  assertEquals(removed([old, older, fresh], 20, [older]), ["3"]);
  assertEquals(removed([old, older, fresh], 0), ["9", "3"]);
});

Deno.test("filesToRemove() always takes what was left unfinished, unless it is in use", () => {
  const scrap = file(0, { path: "scrap", isScrap: true });
  assertEquals(removed([scrap, file(3)], Infinity), ["scrap"]);
  assertEquals(removed([scrap, file(3)], 10), ["scrap"]);
  assertEquals(removed([scrap, file(3)], 10, [scrap]), ["3"]);
});

Deno.test("filesToRemove() takes what was used in the future for old, unless the clocks just differ a little", () => {
  assertEquals(removed([file(3), file(-9), file(-0.1)], 20), ["-9"]);
});

Deno.test("filesToRemove(): within the limit nothing goes; never more goes than is needed; use decides", () => {
  const anyFile = fc.record({ hours: fc.integer({ min: 1, max: 50 }), bytes: fc.nat(100), scrap: fc.boolean() });
  fc.assert(fc.property(fc.array(anyFile), fc.nat(1000), (records, limit) => {
    const files = records.map(({ hours, bytes, scrap }) => file(hours, { bytes, isScrap: scrap }));
    const gone = filesToRemove(files, { limit, now: NOW, inUse: new Set() });
    const size = (some: readonly CacheFile[]) => some.reduce((sum, { bytes }) => sum + bytes, 0);
    const left = files.filter((one) => !gone.includes(one));
    assert(size(left) <= limit);
    const byUse = gone.filter(({ isScrap }) => !isScrap);
    const last = byUse.at(-1);
    if (last !== undefined) assert(size(left) + last.bytes > limit);
    for (const one of left) assert(byUse.every(({ used }) => used <= one.used) && !one.isScrap);
  }));
});

function test(name: string, run: (cacheDir: string) => Promise<void> | void): void {
  Deno.test({
    name,
    ignore: fixtures.WITHOUT_FILES,
    fn: async () => {
      using directory = fixtures.temporaryDirectory();
      await run(join(directory.path, "cache"));
    },
  });
}

const key = (digit: number) => `${digit}`.repeat(32);

/** A file of the cache, used so many hours ago. */
function put(path: string, hoursAgo: number, bytes = 1000): string {
  Deno.mkdirSync(dirname(path), { recursive: true });
  Deno.writeFileSync(path, new Uint8Array(bytes));
  Deno.utimeSync(path, new Date(NOW - hoursAgo * HOUR), new Date(NOW - hoursAgo * HOUR));
  return path;
}

test("cleanCache() removes by last use, tells what, and leaves alone what is not Herd's", (cacheDir) => {
  put(join(cacheDir, "packed", `${key(1)}.herd`), 9);
  put(join(cacheDir, "packed", `${key(2)}.herd`), 1);
  put(join(cacheDir, "fetched", `${key(3)}.herd`), 8);
  put(join(cacheDir, "fetched", `${key(4)}.herd.part`), 2);
  put(join(cacheDir, "downloads", "horse-or-human.zip"), 10, 4000);
  put(join(cacheDir, "downloads", "validation-horse-or-human.zip.part"), 3);
  put(join(cacheDir, "relays", "0123456789abcdef-r1", "w1.log"), 20, 10);
  const others = ["packed/mine.herd", "downloads/horses.zip", "notes.txt", "relays/readme", "packed/sub/x.herd"];
  others.forEach((name) => put(join(cacheDir, name), 1000));
  const report = cleanCache(cacheDir, { limit: 4500, now: NOW });
  assertEquals(report.removed.map(({ path }) => basename(path)), [
    "0123456789abcdef-r1",
    "horse-or-human.zip",
    `${key(1)}.herd`,
  ]);
  assertEquals(
    fixtures.filesBelow(cacheDir),
    [
      ...others,
      `packed/${key(2)}.herd`,
      `fetched/${key(3)}.herd`,
      `fetched/${key(4)}.herd.part`,
      "downloads/validation-horse-or-human.zip.part",
    ].sort(),
  );
  assertEquals(describeCache(report), [
    `Cache   ${cacheDir}: 4.0 kB of at most 4.5 kB (packed 1.0 kB, fetched 2.0 kB, downloads 1.0 kB, relays' logs 0.0 kB)`,
    "Freed   5.0 kB (3 removed, least recently used first)",
  ]);
  assertEquals(cleanCache(cacheDir, { limit: 4500, now: NOW }).removed, []);
  assertEquals(cleanCache(join(cacheDir, "none")).files, []);
});

test("what a process has open stays, whoever it is; when it is closed it goes", async (cacheDir) => {
  const data = fixtures.writeFiles(join(cacheDir, "..", "images"), fixtures.splitFiles());
  const environment = { cacheDir };
  const [{ path }, { path: served }] = [
    await resolveDataset({ data, imageSize: 12, environment }),
    await resolveDataset({ data, imageSize: 6, environment }),
  ];
  const manifest = { byteLength: 5, chunkBytes: CHUNK_BYTES, hashes: [fixtures.sha256(new Uint8Array(5))] };
  const open = [
    PackedDataset.open(path),
    ServedDataset.open(served),
    await ChunkedCacheWriter.open(cacheDir, manifest),
    openLogFolder(cacheDir, "0123456789abcdef-r1"),
    await PartFile.openAlone(join(cacheDir, "downloads", "horse-or-human.zip"), { keep: true }),
  ];
  const before = fixtures.filesBelow(cacheDir);
  assertEquals(before.length, 5);
  const later = Date.now() + HOUR;
  assertEquals(cleanCache(cacheDir, { limit: 0, now: later }).removed, []);
  assertEquals(fixtures.filesBelow(cacheDir), before);
  open.forEach((one) => one[Symbol.dispose]());
  assertEquals(cleanCache(cacheDir, { limit: -1, now: later }).removed.length, 5);
  assertEquals(fixtures.filesBelow(cacheDir), []);
});

test("what is used moves to the end of the line, also where the system notes no reading", async (cacheDir) => {
  const data = fixtures.writeFiles(join(cacheDir, "..", "images"), fixtures.splitFiles());
  const resolve = (imageSize: number) => resolveDataset({ data, imageSize, environment: { cacheDir } });
  const [first, second] = [(await resolve(12)).path, (await resolve(11)).path];
  for (const [path, hours] of [[first, 9], [second, 8]] as const) {
    Deno.utimeSync(path, new Date(Date.now() - hours * HOUR), new Date(Date.now() - hours * HOUR));
  }
  assertEquals((await resolve(12)).path, first);
  const { removed } = cleanCache(cacheDir, { limit: Deno.statSync(first).size, now: Date.now() + HOUR });
  assertEquals(removed.map(({ path }) => path), [second]);
});

test("whoever adds a file to the cache keeps its bound", async (cacheDir) => {
  const large = () => {
    const path = put(join(cacheDir, "packed", `${key(1)}.herd`), 1);
    Deno.truncateSync(path, 11e9); // a hole, which takes no room
    Deno.utimeSync(path, new Date(NOW), new Date(NOW));
    return path;
  };
  const data = fixtures.writeFiles(join(cacheDir, "..", "images"), fixtures.splitFiles());
  const resolve = () => resolveDataset({ data, imageSize: 12, environment: { cacheDir } });
  const old = large();
  const { path } = await resolve();
  assertThrows(() => Deno.statSync(old), Deno.errors.NotFound);
  large();
  assertEquals((await resolve()).path, path); // nothing is added
  using writer = await ChunkedCacheWriter.open(cacheDir, {
    byteLength: 5,
    chunkBytes: CHUNK_BYTES,
    hashes: [fixtures.sha256(new Uint8Array(5))],
  });
  await writer.write(0, new Uint8Array(5));
  assert(Deno.statSync(old).size > 0);
  const fetched = await writer.finish();
  assertEquals(fixtures.filesBelow(cacheDir), [fetched, path].map((one) => one.slice(cacheDir.length + 1)));
});

test("a pack that a killed process has left is gone at the next start; one that is being written is not", async (cacheDir) => {
  const abandoned = put(join(cacheDir, "packed", `${key(1)}.herd.part`), 0);
  using held = await PartFile.openAlone(join(cacheDir, "packed", `${key(2)}.herd`));
  await held.write(new Uint8Array(10));
  const download = put(join(cacheDir, "downloads", "horse-or-human.zip.part"), 1000);
  const data = fixtures.writeFiles(join(cacheDir, "..", "images"), fixtures.splitFiles());
  const { path } = await resolveDataset({ data, imageSize: 12, environment: { cacheDir } });
  assertThrows(() => Deno.statSync(abandoned), Deno.errors.NotFound);
  const names = [path, `${held.path}.part`, download].map((one) => one.slice(cacheDir.length + 1));
  assertEquals(fixtures.filesBelow(cacheDir), names.sort());
});
