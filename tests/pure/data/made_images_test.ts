import { assert, assertEquals, assertRejects } from "@std/assert";
import { join } from "node:path";
import type { MadeImage, MadeImages } from "../../../data/made_images.ts";
import { PackedDataset } from "../../../data/packed_dataset.ts";
import { resolveDataset, type ResolveOptions } from "../../../data/resolve.ts";
import { HerdError } from "../../../shared/errors.ts";
import { noise, temporaryDirectory, WITHOUT_FILES } from "../../fixtures/data_files.ts";

const ignore = WITHOUT_FILES;
const SIDE = 4;
const BYTES = 3 * SIDE ** 2;

const image = (label: number, seed = label): MadeImage => ({ label, pixels: noise(BYTES, seed) });
const set = (changes: Partial<MadeImages> = {}): MadeImages => ({
  classes: ["z", "a", "m"],
  train: [image(2), image(0), image(1), image(0, 9)],
  test: [image(1, 7), image(0, 9), image(2, 8)],
  ...changes,
});

function resolve(images: MadeImages, cacheDir: string, more: Partial<ResolveOptions> = {}) {
  return resolveDataset({ data: "auto", images, imageSize: SIDE, environment: { cacheDir }, ...more });
}

const namesIn = (cacheDir: string) => [...Deno.readDirSync(join(cacheDir, "packed"))].map(({ name }) => name);

Deno.test({
  name: "made images: they are packed as they came, under their labels, and found again by their bytes",
  ignore,
  async fn() {
    using folder = temporaryDirectory();
    const one = set();
    const { path, info, fallback } = await resolve(one, folder.path);
    assertEquals([info.name, info.classes, info.train, info.test], ["images of a program", ["z", "a", "m"], 4, 3]);
    assertEquals([info.classCounts, fallback], [{ z: [2, 1], a: [1, 1], m: [1, 1] }, false]);
    assertEquals(info.duplicates?.files, [{ train: "train image 3", test: "test image 1" }]);
    using dataset = PackedDataset.open(path);
    for (const split of ["train", "test"] as const) {
      for (const [id, { pixels, label }] of [...one[split] as MadeImage[]].entries()) {
        assertEquals([dataset.label(split, id), dataset.read(split, id)], [label, pixels]);
      }
    }
    assertEquals(namesIn(folder.path).length, 1, "nothing else is left");
    assertEquals((await resolve(set(), folder.path)).path, path);
    const other = await resolve(set({ classes: ["z", "a", "n"] }), folder.path);
    assert(other.path !== path && other.info.sha256 === info.sha256);
  },
});

Deno.test({
  name: "made images: a program may use one buffer for all, and may take its time",
  ignore,
  async fn() {
    using folder = temporaryDirectory();
    const buffer = new Uint8Array(BYTES);
    async function* slowly(images: Iterable<MadeImage>) {
      for (const { pixels, label } of images) {
        await Promise.resolve();
        buffer.set(pixels);
        yield { pixels: buffer, label };
      }
    }
    const one = set();
    const { info } = await resolve(
      set({ train: slowly(one.train as MadeImage[]), test: slowly(one.test as MadeImage[]) }),
      folder.path,
    );
    using other = temporaryDirectory();
    assertEquals(info.sha256, (await resolve(set(), other.path)).info.sha256);
  },
});

Deno.test({
  name: "made images: what cannot be used is refused in a sentence that names it, and leaves nothing in the cache",
  ignore,
  async fn() {
    using folder = temporaryDirectory();
    const bad = (pixels: unknown, label: unknown = 1) => set({ test: [image(0), { pixels, label } as MadeImage] });
    const cases: [MadeImages, string][] = [
      [set({ classes: ["one"] }), 'The classes of a data set are 2 to 256 different names: got ["one"]'],
      [set({ classes: ["a", "b", "a"] }), "different names"],
      [set({ classes: ["a", "b", ""] }), "different names"],
      [bad(new Uint8Array(16)), "The pixels of image 1 of test are 16 bytes: give 4 × 4 × 3 = 48 bytes"],
      [bad(new Float32Array(BYTES)), "The pixels of image 1 of test are no Uint8Array: give 4 × 4 × 3"],
      [bad(new Uint8Array(BYTES), 3), "The label of image 1 of test is 3: give the index of its class, 0 to 2"],
      [bad(new Uint8Array(BYTES), "a"), "The label of image 1 of test is a: give"],
      [set({ test: [image(0), image(2)] }), "Class 'a' has no test image: make at least one"],
      [set({ train: [] }), "Class 'z' has no train image: make at least one"],
    ];
    for (const [images, sentence] of cases) {
      const error = await assertRejects(() => resolve(images, folder.path), HerdError, sentence);
      assertEquals(error.code, "data");
    }
    await assertRejects(
      () => resolve(set(), folder.path, { validationSplit: 0.5 }),
      HerdError,
      "--validation-split",
    );
    const bug = new Error("the program's own");
    function* throwing(): Generator<MadeImage> {
      yield image(0);
      throw bug;
    }
    assert(await resolve(set({ train: throwing() }), folder.path).catch((error) => error) === bug);
    const stop = new AbortController();
    function* aborting(): Generator<MadeImage> {
      for (let i = 0; i < 1000; i++) {
        if (i === 5) stop.abort(bug);
        yield image(0);
      }
    }
    const ended = resolve(set({ train: aborting() }), folder.path, { signal: stop.signal });
    assert(await ended.catch((error) => error) === bug);
    assertEquals(namesIn(folder.path), []);
  },
});
