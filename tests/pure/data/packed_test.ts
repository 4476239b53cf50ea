// The packed file: what is written is read back, and half a file is never taken for a whole one.
import { assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { join } from "node:path";
import { writeFailure } from "../../../data/cache.ts";
import type { ImageSource } from "../../../data/dataset_info.ts";
import { cacheDirectory, PackedDataset, resolveDataset } from "../../../data/mod.ts";
import { packedPath } from "../../../data/pack.ts";
import type { PartHandle } from "../../../data/part_file.ts";
import { proceduralSource } from "../../../data/procedural.ts";
import { writeAll } from "../../../shared/atomic_file.ts";
import { HerdError } from "../../../shared/errors.ts";
import { samplesFrom } from "../../../worker/samples.ts";
import * as fixtures from "../../fixtures/data_files.ts";

/** A source of 3 + 2 noise images of 5 × 5. */
function source(): ImageSource {
  return {
    name: "noise",
    classes: ["a", "b"],
    labels: { train: Uint8Array.of(0, 1, 1), test: Uint8Array.of(1, 0) },
    phase: "draw",
    identity: "noise",
    images: fixtures.imagesOf(
      { train: 3, test: 2 },
      (split, id) => ({ width: 5, height: 5, pixels: pixels(split, id) }),
    ),
    describe: (split, id) => `${split} ${id}`,
    [Symbol.dispose]() {},
  };
}

const pixels = (split: string, id: number) => fixtures.noise(75, split.length * 10 + id);

function test(name: string, run: (path: string) => Promise<void> | void): void {
  Deno.test({
    name,
    ignore: fixtures.WITHOUT_FILES,
    fn: async () => {
      using directory = fixtures.temporaryDirectory();
      await run(join(directory.path, "packed", "x.herd"));
    },
  });
}

test("a worker's samples have their own pixels whenever they are asked for, all in one buffer", async (path) => {
  await fixtures.packTo(path, source(), { imageSize: 5 });
  using samples = samplesFrom(path);
  const [first, second] = [samples.sample("train", 0), samples.sample("test", 1)];
  const buffer = first.pixels;
  assertEquals(first.pixels, pixels("train", 0));
  assertEquals(second.pixels, pixels("test", 1));
  assertEquals(first.pixels, pixels("train", 0));
  assertEquals(first.pixels === buffer && second.pixels === buffer, true);
  assertEquals([first.label, second.label], [0, 0]);
});

test("pack() and PackedDataset round-trip labels and pixels", async (path) => {
  const progress: number[] = [];
  const info = await fixtures.packTo(path, source(), { imageSize: 5, onProgress: ({ done }) => progress.push(done) });
  assertEquals(progress, [1, 2, 3, 4, 5]);
  using dataset = PackedDataset.open(path);
  assertEquals(dataset.info, info);
  assertEquals(dataset.info.classCounts, { a: [1, 1], b: [2, 1] });
  assertEquals(dataset.byteLength, Deno.statSync(path).size);
  assertEquals([[...dataset.labels("train")], [...dataset.labels("test")]], [[0, 1, 1], [1, 0]]);
  const target = new Uint8Array(75);
  for (const split of ["test", "train"] as const) {
    for (let id = 0; id < info[split]; id++) {
      assertEquals(dataset.read(split, id, target), pixels(split, id));
      assertEquals(dataset.read(split, id), target);
    }
  }
  assertEquals(fixtures.filesBelow(join(path, "..")), ["x.herd"]);
});

test("the data set hash depends on pixels, labels and size, not on names", async (path) => {
  const hash = async (changed: Partial<ImageSource>, imageSize = 5) =>
    (await fixtures.packTo(path, { ...source(), ...changed }, { imageSize })).sha256;
  const first = await hash({});
  assertEquals(await hash({ name: "other", identity: "other" }), first);
  const labels = { train: Uint8Array.of(0, 1, 0), test: Uint8Array.of(1, 0) };
  const images = fixtures.imagesOf({ train: 3, test: 2 }, () => ({ width: 5, height: 5, pixels: new Uint8Array(75) }));
  const hashes = [first, await hash({ labels }), await hash({ images }), await hash({}, 4)];
  assertEquals(new Set(hashes).size, 4);
});

test("PackedDataset refuses ids beyond the split and targets of another length", async (path) => {
  await fixtures.packTo(path, source(), { imageSize: 5 });
  using dataset = PackedDataset.open(path);
  for (const id of [-1, 3, 0.5, NaN]) {
    assertThrows(() => dataset.read("train", id), RangeError);
    assertThrows(() => dataset.label("train", id), RangeError);
  }
  assertThrows(() => dataset.read("test", 0, new Uint8Array(74)), RangeError);
});

test("PackedDataset refuses a file that is cut, longer, foreign, damaged or absent, naming it", async (path) => {
  await fixtures.packTo(path, source(), { imageSize: 5 });
  const bytes = Deno.readFileSync(path);
  const changed = (at: number, value: number) => {
    const copy = bytes.slice();
    copy[at] = value;
    return copy;
  };
  const labels = new TextDecoder().decode(bytes).indexOf("}", new TextDecoder().decode(bytes).indexOf("sha256")) + 1;
  const variants = [
    bytes.subarray(0, bytes.length - 1),
    bytes.subarray(0, 4096),
    bytes.subarray(0, 100),
    bytes.subarray(0, 5),
    new Uint8Array(),
    Uint8Array.from([...bytes, 0]),
    changed(0, 0),
    changed(11, 255),
    changed(12, 0x20),
    changed(labels, 1),
  ];
  for (const variant of variants) {
    Deno.writeFileSync(path, variant);
    const error = assertThrows(() => PackedDataset.open(path), HerdError, `'${path}'`);
    assertEquals(error.code, "data");
  }
  Deno.removeSync(path);
  assertThrows(() => PackedDataset.open(path), HerdError, `'${path}'`);
});

test("a damaged packed file is made again", async (path) => {
  const data = fixtures.writeFiles(join(path, "..", "images"), fixtures.splitFiles());
  const notices: string[] = [];
  const options = {
    data,
    imageSize: 12,
    environment: { cacheDir: join(path, "..") },
    onNotice: (text: string) => notices.push(text),
  };
  const first = await resolveDataset(options);
  assertEquals(notices, []);
  Deno.truncateSync(first.path, 5000);
  assertEquals(await resolveDataset(options), first);
  assertEquals(notices.length, 1);
  PackedDataset.open(first.path)[Symbol.dispose]();
});

/** What may befall a packed file while nobody looks: other pixels, or the labels of two images exchanged. */
const DAMAGES: Readonly<Record<string, (bytes: Uint8Array<ArrayBuffer>) => void>> = {
  "half of its bytes inverted": (bytes) =>
    bytes.forEach((byte, i) => i >= bytes.length - 4096 && i % 2 === 1 && (bytes[i] = 255 - byte)),
  "a bit of its last pixel": (bytes) => bytes[bytes.length - 1]! ^= 1,
  "two labels exchanged": (bytes) => {
    const at = bytes.indexOf("}".charCodeAt(0), bytes.lastIndexOf("]".charCodeAt(0), 4096)) + 2;
    const [first, last] = [bytes.indexOf(0, at), bytes.indexOf(1, at)];
    [bytes[first], bytes[last]] = [1, 0];
  },
  "another hash in its header": (bytes) => {
    const at = new TextDecoder().decode(bytes.subarray(0, 4096)).indexOf('"sha256":"') + 10;
    bytes[at] = bytes[at] === 0x30 ? 0x31 : 0x30;
  },
};
for (const [what, damage] of Object.entries(DAMAGES)) {
  test(`a packed file with ${what} opens, is found out, and is made again`, async (path) => {
    const data = fixtures.writeFiles(join(path, "..", "images"), fixtures.splitFiles());
    const notices: string[] = [];
    const options = {
      data,
      imageSize: 12,
      environment: { cacheDir: join(path, "..") },
      onNotice: (text: string) => notices.push(text),
    };
    const first = await resolveDataset(options);
    const sound = Deno.readFileSync(first.path);
    const bytes = sound.slice();
    damage(bytes);
    Deno.writeFileSync(first.path, bytes);
    {
      using dataset = PackedDataset.open(first.path);
      const error = await assertRejects(() => dataset.verify(), HerdError, `'${first.path}' is damaged`);
      assertEquals(error.code, "data");
    }
    assertEquals(await resolveDataset(options), first);
    assertEquals(Deno.readFileSync(first.path), sound);
    assertEquals(notices.length, 1);
    assertMatch(
      notices[0]!,
      /^Packing the data set again: The packed data set '.*' is damaged: its images have SHA-256/,
    );
    Deno.writeFileSync(first.path, bytes);
    Deno.removeSync(data, { recursive: true });
    await assertRejects(() => resolveDataset(options), HerdError, "There is no data set");
  });
}

test("the check of a packed file can be broken off", async (path) => {
  await fixtures.packTo(path, source(), { imageSize: 5 });
  using dataset = PackedDataset.open(path);
  const reason = new HerdError("interrupted", "Interrupted");
  assertEquals(await assertRejects(() => dataset.verify(AbortSignal.abort(reason)), HerdError), reason);
});

/** A file on disk that refuses writes after a number of bytes, as a full disk does. */
function fillingUp(room: number): (path: string) => PartHandle {
  return (path) => {
    const file = Deno.openSync(path, { write: true, create: true });
    let left = room;
    return {
      async write(bytes) {
        if (left <= 0) throw new Error("No space left on device (os error 28)");
        const written = await file.write(bytes.subarray(0, left));
        left -= written;
        return written;
      },
      seekSync: (offset: number | bigint, whence: Deno.SeekMode) => file.seekSync(offset, whence),
      truncateSync: (length) => file.truncateSync(length),
      sync: () => file.sync(),
      statSync: () => file.statSync(),
      tryLockSync: (exclusive) => file.tryLockSync(exclusive),
      close: () => file.close(),
    };
  };
}

for (const room of [0, 100, 4096 + 100, 4096 + 5 * 75]) {
  test(`pack() leaves nothing behind when the disk is full after ${room} bytes`, async (path) => {
    const packing = fixtures.packTo(path, source(), { imageSize: 5, internals: { open: fillingUp(room) } });
    const error = await assertRejects(() => packing, HerdError, `Cannot write '${path}': the disk is full`);
    assertEquals(error.code, "data");
    assertEquals(fixtures.filesBelow(join(path, "..")), []);
  });
}

test("pack() lets timers through, so that it can be aborted", async (path) => {
  const controller = new AbortController();
  setTimeout(() => controller.abort(new HerdError("interrupted", "Interrupted")), 0);
  using many = proceduralSource({ train: [50_000, 50_000], test: [1, 1] });
  const packing = fixtures.packTo(path, many, { imageSize: 1, signal: controller.signal });
  await assertRejects(() => packing, HerdError, "Interrupted");
  assertEquals(fixtures.filesBelow(join(path, "..")), []);
});

test("pack() keeps the old file when it fails", async (path) => {
  await fixtures.packTo(path, source(), { imageSize: 5 });
  const before = Deno.readFileSync(path);
  await assertRejects(
    () => fixtures.packTo(path, source(), { imageSize: 5, internals: { open: fillingUp(4200) } }),
    HerdError,
  );
  assertEquals(Deno.readFileSync(path), before);
});

test("two processes that want the same set packed pack it once", async (path) => {
  const data = fixtures.writeFiles(join(path, "..", "images"), fixtures.splitFiles());
  const cacheDir = join(path, "..", "cache");
  const [progress, notices]: [number[], string[]] = [[], []];
  const options = {
    data,
    imageSize: 12,
    environment: { cacheDir },
    onProgress: ({ done }: { done: number }) => progress.push(done),
    onNotice: (text: string) => notices.push(text),
  };
  const [first, second] = await Promise.all([resolveDataset(options), resolveDataset(options)]);
  assertEquals(first, second);
  assertEquals(progress, Array.from({ length: 12 }, (_, i) => i + 1));
  assertEquals(notices, [`Another process is making '${first.path}': waiting for it`]);
  assertEquals(fixtures.filesBelow(cacheDir).length, 1);
});

Deno.test({
  name: "a really full device is told as such",
  // Only Linux has this device, and Deno gives no access to it without all permissions.
  ignore: fixtures.WITHOUT_FILES || Deno.build.os !== "linux" || !fixtures.canWriteTo("/dev/full"),
  fn: async () => {
    using file = Deno.openSync("/dev/full", { write: true });
    const error = await assertRejects(() => writeAll(file, new Uint8Array(10)));
    assertMatch(writeFailure("x", error).message, /^Cannot write 'x': the disk is full/);
  },
});

Deno.test("packedPath() depends on identity, size and whether images may be left out", () => {
  const paths = [
    packedPath("c", "a", { imageSize: 1 }),
    packedPath("c", "a", { imageSize: 2 }),
    packedPath("c", "b", { imageSize: 1 }),
    packedPath("c", "a", { imageSize: 1, skipUnreadable: true }),
  ];
  assertEquals(new Set(paths).size, 4);
  assertEquals(packedPath("c", "a", { imageSize: 1, skipUnreadable: false }), paths[0]!);
  assertMatch(paths[0]!, /^c\/packed\/[0-9a-f]{32}\.herd$/);
});

Deno.test("cacheDirectory() follows HERD_CACHE_DIR, XDG_CACHE_HOME and HOME in this order", () => {
  const home = { HOME: "/users/x" };
  assertEquals(cacheDirectory({ ...home, XDG_CACHE_HOME: "/xdg", HERD_CACHE_DIR: "/herd" }), "/herd");
  assertEquals(cacheDirectory({ ...home, XDG_CACHE_HOME: "/xdg", HERD_CACHE_DIR: "" }), "/xdg/herd");
  assertEquals(cacheDirectory({ ...home, XDG_CACHE_HOME: "relative" }), "/users/x/.cache/herd");
  assertEquals(cacheDirectory(home), "/users/x/.cache/herd");
  assertThrows(() => cacheDirectory({}), HerdError, "HERD_CACHE_DIR");
});
