// Sending a packed file in chunks to another machine.
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { join } from "node:path";
import { ChunkedCacheWriter, ServedDataset } from "../../../data/mod.ts";
import { CHUNK_BYTES, type DatasetManifest } from "../../../shared/dataset_manifest.ts";
import { HerdError } from "../../../shared/errors.ts";
import { fetchDataset } from "../../../worker/remote.ts";
import { parseCoordinatorMessage, PROTOCOL_VERSION } from "../../../shared/protocol.ts";
import * as fixtures from "../../fixtures/data_files.ts";

const LENGTH = 2 * CHUNK_BYTES + 1000;
/** Noise at both ends of every chunk, zeros between. */
const CONTENT = new Uint8Array(LENGTH);
for (const at of [0, CHUNK_BYTES - 1000, CHUNK_BYTES, 2 * CHUNK_BYTES - 1000, 2 * CHUNK_BYTES]) {
  CONTENT.set(fixtures.noise(1000, at), at);
}

interface Scene {
  readonly path: string;
  readonly source: ServedDataset;
  readonly dir: string;
  readonly manifest: DatasetManifest;
}

function test(name: string, run: (scene: Scene) => Promise<void> | void): void {
  Deno.test({
    name,
    ignore: fixtures.WITHOUT_FILES,
    fn: async () => {
      using directory = fixtures.temporaryDirectory();
      const path = join(directory.path, "source.herd");
      Deno.writeFileSync(path, CONTENT);
      using source = ServedDataset.open(path);
      await run({ path, source, dir: join(directory.path, "cache"), manifest: await source.manifest() });
    },
  });
}

test("ServedDataset describes and cuts a file", ({ source, manifest }) => {
  assertEquals([manifest.byteLength, manifest.chunkBytes], [LENGTH, CHUNK_BYTES]);
  const chunks = [0, 1, 2].map((index) => source.readChunk(index));
  assertEquals(chunks.map(({ length }) => length), [CHUNK_BYTES, CHUNK_BYTES, 1000]);
  assertEquals(manifest.hashes, chunks.map(fixtures.sha256));
  for (const index of [3, -1, 0.5]) assertThrows(() => source.readChunk(index), HerdError, "no chunk");
  assertThrows(() => ServedDataset.open("none.herd"), HerdError, "none.herd");
});

test("a file is hashed once for all who ask, while chunks are read and other work goes on", async ({ path }) => {
  using served = ServedDataset.open(path);
  let turns = 0;
  const timer = setInterval(() => turns++, 0);
  const asked = [served.manifest(), served.manifest()];
  assertEquals(served.readChunk(1), CONTENT.subarray(CHUNK_BYTES, 2 * CHUNK_BYTES));
  const [first, second] = await Promise.all(asked);
  clearInterval(timer);
  assert(first === second && await served.manifest() === first);
  assertEquals(first.hashes[1], fixtures.sha256(served.readChunk(1)));
  assert(turns > 0, "timers come to their turn");
});

test("a file that is cut short under way is an error, and the next to ask tries again", async ({ path, manifest }) => {
  using served = ServedDataset.open(path);
  Deno.truncateSync(path, CHUNK_BYTES + 5);
  const error = await assertRejects(() => served.manifest(), HerdError, "cut short");
  assertEquals(error.code, "data");
  assertThrows(() => served.readChunk(2), HerdError, "cut short");
  Deno.writeFileSync(path, CONTENT);
  assertEquals(await served.manifest(), manifest);
});

test("hashing ends with the run", async ({ path }) => {
  const served = ServedDataset.open(path);
  const hashing = served.manifest();
  served[Symbol.dispose]();
  await assertRejects(() => hashing, HerdError, "The run ended");
});

test("a fetch collects chunks in any order and finds the finished file the next time", async (scene) => {
  const { source, dir, manifest } = scene;
  using writer = await ChunkedCacheWriter.open(dir, manifest);
  assertEquals(writer.missing(), [0, 1, 2]);
  await writer.write(2, source.readChunk(2));
  await writer.write(0, source.readChunk(0));
  await writer.write(0, source.readChunk(0));
  assertEquals(writer.missing(), [1]);
  await assertRejects(() => writer.finish(), HerdError, "1 of 3 chunks");
  assertEquals(fixtures.filesBelow(dir).filter((name) => name.endsWith(".herd")), []);
  await writer.write(1, source.readChunk(1));
  const path = await writer.finish();
  assertEquals(fixtures.sha256(Deno.readFileSync(path)), fixtures.sha256(CONTENT));
  assertEquals(fixtures.filesBelow(dir).length, 1);
  using again = await ChunkedCacheWriter.open(dir, manifest);
  assertEquals(again.missing(), []);
  assertEquals(await again.finish(), path);
});

test("a broken-off fetch keeps its sound chunks only", async ({ source, dir, manifest }) => {
  {
    using writer = await ChunkedCacheWriter.open(dir, manifest);
    await writer.write(0, source.readChunk(0));
    await writer.write(2, source.readChunk(2));
  }
  const part = join(dir, fixtures.filesBelow(dir)[0]!);
  {
    using file = Deno.openSync(part, { write: true });
    file.seekSync(2 * CHUNK_BYTES, Deno.SeekMode.Start);
    file.writeSync(Uint8Array.of(source.readChunk(2)[0]! ^ 1));
  }
  using writer = await ChunkedCacheWriter.open(dir, manifest);
  assertEquals(writer.missing(), [1, 2]);
});

/** Fetches what is missing. @returns where the file is, and the chunks that had to be fetched */
async function collect({ source, dir, manifest }: Scene): Promise<{ path: string; fetched: number[] }> {
  const fetched: number[] = [];
  const fetch = (index: number) => Promise.resolve(source.readChunk(fetched[fetched.push(index) - 1]!));
  const path = await fetchDataset({ manifest: () => Promise.resolve(manifest), fetch }, dir, () => {});
  return { path, fetched };
}

/** What may befall a fetched file, and the chunks that are to be fetched again. */
const DAMAGES: Readonly<Record<string, [damage: (path: string) => void, chunks: number[]]>> = {
  "nothing": [() => {}, []],
  "half of it inverted": [(path) => {
    const bytes = Deno.readFileSync(path);
    Deno.writeFileSync(path, bytes.map((byte, i) => i < bytes.length / 2 ? byte : 255 - byte));
  }, [1, 2]],
  "a bit of its last byte": [(path) => {
    using file = Deno.openSync(path, { write: true });
    file.seekSync(-1, Deno.SeekMode.End);
    file.writeSync(Uint8Array.of(CONTENT.at(-1)! ^ 1));
  }, [2]],
  "its end missing": [(path) => Deno.truncateSync(path, LENGTH - 1), [2]],
  "something behind its end": [(path) => Deno.writeFileSync(path, Uint8Array.of(1), { append: true }), []],
};
for (const [what, [damage, chunks]] of Object.entries(DAMAGES)) {
  test(`a fetched file with ${what} is mended when it is opened`, async (scene) => {
    assertEquals((await collect(scene)).fetched, [0, 1, 2]);
    const { path } = await collect(scene);
    damage(path);
    assertEquals(await collect(scene), { path, fetched: chunks });
    assertEquals(fixtures.sha256(Deno.readFileSync(path)), fixtures.sha256(CONTENT));
    assertEquals(fixtures.filesBelow(scene.dir).length, 1);
  });
}

test("a damaged file that several find at once, one of them after another has mended it, is mended for all", async (scene) => {
  const { path } = await collect(scene);
  DAMAGES["half of it inverted"]![0](path);
  const all = await Promise.all([collect(scene), collect(scene), collect(scene)]);
  assertEquals(all.map((one) => one.path), [path, path, path]);
  assertEquals(fixtures.sha256(Deno.readFileSync(path)), fixtures.sha256(CONTENT));
  assertEquals(fixtures.filesBelow(scene.dir).length, 1);
});

test("a file that another process mends while it is looked at keeps its name", async (scene) => {
  const { path } = await collect(scene);
  const sound = Deno.readFileSync(path);
  Deno.truncateSync(path, 5);
  const { open } = Deno;
  try {
    Deno.open = async (...args) => {
      const damaged = await open(...args);
      Deno.writeFileSync(`${path}.other`, sound);
      Deno.renameSync(`${path}.other`, path);
      Deno.open = open;
      return damaged;
    };
    using writer = await ChunkedCacheWriter.open(scene.dir, scene.manifest);
    assertEquals(writer.missing(), []);
    assertEquals(fixtures.filesBelow(scene.dir), [path.slice(scene.dir.length + 1)]);
  } finally {
    Deno.open = open;
  }
});

test("a chunk that is corrupted, short, or in the wrong place is refused and stays missing", async (scene) => {
  const { source, dir, manifest } = scene;
  using writer = await ChunkedCacheWriter.open(dir, manifest);
  const chunk = source.readChunk(2);
  const corrupted = chunk.slice();
  corrupted[500]! ^= 1;
  for (const bytes of [corrupted, chunk.subarray(1), new Uint8Array(), source.readChunk(0)]) {
    const error = await assertRejects(() => writer.write(2, bytes), HerdError, "Chunk 2");
    assertEquals(error.code, "data");
  }
  await assertRejects(() => writer.write(3, chunk), HerdError, "no chunk 3");
  assertEquals(writer.missing(), [0, 1, 2]);
});

test("two workers of one machine may collect the same file at once", async ({ source, dir, manifest }) => {
  using first = await ChunkedCacheWriter.open(dir, manifest);
  using second = await ChunkedCacheWriter.open(dir, manifest);
  for (const index of [0, 1, 2]) {
    await first.write(index, source.readChunk(index));
    await second.write(2 - index, source.readChunk(2 - index));
  }
  const paths = [await first.finish(), await second.finish()];
  assertEquals(paths[0], paths[1]);
  assertEquals(fixtures.sha256(Deno.readFileSync(paths[0]!)), fixtures.sha256(CONTENT));
  assertEquals(fixtures.filesBelow(dir).length, 1);
});

test("a senseless manifest is refused where it comes in", ({ manifest }) => {
  const parse = (dataset: DatasetManifest) =>
    parseCoordinatorMessage(
      JSON.stringify({ protocol: PROTOCOL_VERSION, runId: "", step: 0, type: "manifest", dataset }),
    );
  parse(manifest);
  const variants = [
    { ...manifest, byteLength: -1 },
    { ...manifest, chunkBytes: 0 },
    { ...manifest, chunkBytes: 2 ** 40 },
    { ...manifest, hashes: manifest.hashes.slice(1) },
    { ...manifest, hashes: ["../../x", ...manifest.hashes.slice(1)] },
  ];
  for (const variant of variants) assertThrows(() => parse(variant), HerdError, '"dataset');
});
