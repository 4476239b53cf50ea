// Sending a packed file in chunks to another machine.
import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { join } from "node:path";
import { CHUNK_BYTES, ChunkedCacheWriter, chunkHashes, type ChunkManifest, readChunk } from "../../../data/mod.ts";
import { HerdError } from "../../../shared/errors.ts";
import * as fixtures from "../../fixtures/data_files.ts";

const LENGTH = 2 * CHUNK_BYTES + 1000;
/** Noise at both ends of every chunk, zeros between. */
const CONTENT = new Uint8Array(LENGTH);
for (const at of [0, CHUNK_BYTES - 1000, CHUNK_BYTES, 2 * CHUNK_BYTES - 1000, 2 * CHUNK_BYTES]) {
  CONTENT.set(fixtures.noise(1000, at), at);
}

interface Scene {
  readonly source: string;
  readonly dir: string;
  readonly manifest: ChunkManifest;
}

function test(name: string, run: (scene: Scene) => Promise<void> | void): void {
  Deno.test({
    name,
    ignore: fixtures.WITHOUT_FILES,
    fn: async () => {
      using directory = fixtures.temporaryDirectory();
      const source = join(directory.path, "source.herd");
      Deno.writeFileSync(source, CONTENT);
      await run({ source, dir: join(directory.path, "cache"), manifest: await chunkHashes(source) });
    },
  });
}

test("chunkHashes() and readChunk() describe and cut a file", async ({ source, manifest }) => {
  assertEquals([manifest.byteLength, manifest.chunkBytes], [LENGTH, CHUNK_BYTES]);
  const chunks = [0, 1, 2].map((index) => readChunk(source, index));
  assertEquals(chunks.map(({ length }) => length), [CHUNK_BYTES, CHUNK_BYTES, 1000]);
  assertEquals(manifest.hashes, chunks.map(fixtures.sha256));
  for (const index of [3, -1, 0.5]) assertThrows(() => readChunk(source, index), HerdError, "no chunk");
  await assertRejects(() => chunkHashes(`${source}.none`), HerdError, "source.herd.none");
});

test("a fetch collects chunks in any order and finds the finished file the next time", async (scene) => {
  const { source, dir, manifest } = scene;
  using writer = new ChunkedCacheWriter(dir, manifest);
  assertEquals(writer.missing(), [0, 1, 2]);
  await writer.write(2, readChunk(source, 2));
  await writer.write(0, readChunk(source, 0));
  await writer.write(0, readChunk(source, 0));
  assertEquals(writer.missing(), [1]);
  await assertRejects(() => writer.finish(), HerdError, "1 of 3 chunks");
  assertEquals(fixtures.filesBelow(dir).filter((name) => name.endsWith(".herd")), []);
  await writer.write(1, readChunk(source, 1));
  const path = await writer.finish();
  assertEquals(fixtures.sha256(Deno.readFileSync(path)), fixtures.sha256(CONTENT));
  assertEquals(fixtures.filesBelow(dir).length, 1);
  using again = new ChunkedCacheWriter(dir, manifest);
  assertEquals(again.missing(), []);
  assertEquals(await again.finish(), path);
});

test("a broken-off fetch keeps its sound chunks only", async ({ source, dir, manifest }) => {
  {
    using writer = new ChunkedCacheWriter(dir, manifest);
    await writer.write(0, readChunk(source, 0));
    await writer.write(2, readChunk(source, 2));
  }
  const part = join(dir, fixtures.filesBelow(dir)[0]!);
  {
    using file = Deno.openSync(part, { write: true });
    file.seekSync(2 * CHUNK_BYTES, Deno.SeekMode.Start);
    file.writeSync(Uint8Array.of(readChunk(source, 2)[0]! ^ 1));
  }
  using writer = new ChunkedCacheWriter(dir, manifest);
  assertEquals(writer.missing(), [1, 2]);
});

test("a chunk that is corrupted, short, or in the wrong place is refused and stays missing", async (scene) => {
  const { source, dir, manifest } = scene;
  using writer = new ChunkedCacheWriter(dir, manifest);
  const chunk = readChunk(source, 2);
  const corrupted = chunk.slice();
  corrupted[500]! ^= 1;
  for (const bytes of [corrupted, chunk.subarray(1), new Uint8Array(), readChunk(source, 0)]) {
    const error = await assertRejects(() => writer.write(2, bytes), HerdError, "Chunk 2");
    assertEquals(error.code, "data");
  }
  await assertRejects(() => writer.write(3, chunk), HerdError, "no chunk 3");
  assertEquals(writer.missing(), [0, 1, 2]);
});

test("two workers of one machine may collect the same file at once", async ({ source, dir, manifest }) => {
  using first = new ChunkedCacheWriter(dir, manifest);
  using second = new ChunkedCacheWriter(dir, manifest);
  for (const index of [0, 1, 2]) {
    await first.write(index, readChunk(source, index));
    await second.write(2 - index, readChunk(source, 2 - index));
  }
  const paths = [await first.finish(), await second.finish()];
  assertEquals(paths[0], paths[1]);
  assertEquals(fixtures.sha256(Deno.readFileSync(paths[0]!)), fixtures.sha256(CONTENT));
  assertEquals(fixtures.filesBelow(dir).length, 1);
});

test("a senseless manifest is refused", ({ dir, manifest }) => {
  const variants = [
    { ...manifest, byteLength: -1 },
    { ...manifest, chunkBytes: 0 },
    { ...manifest, chunkBytes: 2 ** 40 },
    { ...manifest, hashes: manifest.hashes.slice(1) },
    { ...manifest, hashes: ["../../x", ...manifest.hashes.slice(1)] },
  ];
  for (const variant of variants) assertThrows(() => new ChunkedCacheWriter(dir, variant), HerdError, "not valid");
});
