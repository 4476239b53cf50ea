// Tuned tiles: for what they are kept, which are used, and that nothing in a file can stop a run.
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import * as fc from "fast-check";
import { join } from "node:path";
import { builtInModel } from "../../../../shared/model.ts";
import { temporaryDirectory, WITHOUT_FILES } from "../../../fixtures/data_files.ts";
import { Plan } from "../../../../worker/webgpu/plan.ts";
import { presetOf } from "../../../../worker/webgpu/presets.ts";
import { checkTiles, type TileLimits } from "../../../../worker/webgpu/tile_check.ts";
import { parseTiles, writeTiles } from "../../../../worker/webgpu/tiles_file.ts";
import { tilesKey, type Tuned, tunedPreset } from "../../../../worker/webgpu/tuned.ts";
import { planOf } from "../../../../worker/webgpu/tuned_plan.ts";

/** Blocks of 4, 8 and 8 filters on sides of 40, 19 and 8; dense layers of 16 and 1. */
const SPEC = builtInModel("tiny", 40);
const SOFTWARE = presetOf("software");
const PLAN = new Plan(SPEC, SOFTWARE, 2);
/** What every WebGPU device can do. */
const LIMITS: TileLimits = {
  maxComputeInvocationsPerWorkgroup: 256,
  maxComputeWorkgroupSizeX: 256,
  maxComputeWorkgroupStorageSize: 16384,
};
const LOOP = { width: 1, height: 2, outputs: 4, threads: 32, form: "loop", weights: "storage" } as const;
const [, CONV2] = PLAN.convs;
const [DENSE1] = PLAN.denses;

Deno.test("tuned tiles are kept for one adapter, kernel version, Deno, preset, number of images and shapes", () => {
  const base = { adapter: "NVIDIA H100", version: 3, deno: "2.9.6", preset: "discrete", images: 8, spec: SPEC };
  assertEquals(
    tilesKey(base),
    "NVIDIA H100; webgpu-3 discrete; deno 2.9.6; 8 images: conv 40x3-4, conv 19x4-8 dropout 0.5, conv 8x8-8 dropout 0.5, " +
      "dense 72-16 dropout 0.5 relu, dense 16-1",
  );
  const others = [
    { adapter: "llvmpipe" },
    { version: 4 },
    { deno: "2.9.7" },
    { preset: "software" },
    { images: 4 },
    { spec: builtInModel("tiny", 41) },
    { spec: { ...SPEC, layers: SPEC.layers.slice(1) } },
  ];
  for (const other of others) assertNotEquals(tilesKey({ ...base, ...other }), tilesKey(base));
});

Deno.test("a tuned preset has the tuned tiles, and its own where there is none", () => {
  const filterGradient = { ...CONV2!.filterTile, threads: 16 };
  const preset = tunedPreset(SOFTWARE, { conv2: { forward: LOOP, filterGradient }, dense1: {} });
  const [conv1, conv2] = new Plan(SPEC, preset, 2).convs;
  assertEquals(conv2!.forwardTile, LOOP);
  assertEquals(conv2!.filterTile, filterGradient);
  assertEquals(conv2!.backwardTile, CONV2!.backwardTile);
  assertEquals(conv1!.forwardTile, PLAN.convs[0]!.forwardTile);
  assertEquals(preset.dense(DENSE1!.layer), DENSE1!.tile);
  assertEquals([preset.name, preset.threads], [SOFTWARE.name, SOFTWARE.threads]);
});

Deno.test("tiles that fit are used as they are", () => {
  const tiles: Tuned = {
    conv1: { forward: { ...LOOP, form: "straight" } },
    conv2: {
      forward: { ...LOOP, width: 1, height: 1, threads: 64, form: "staged" },
      inputGradient: LOOP,
      filterGradient: { ...CONV2!.filterTile, inputs: 1, outputs: 8, threads: 256 },
    },
    dense1: { dense: { ...DENSE1!.tile, images: 1, threads: 256 } },
  };
  assertEquals(checkTiles(tiles, PLAN, LIMITS), { tuned: tiles, refused: [] });
});

Deno.test("a tile that cannot be used is left aside with a sentence, and the others are used", () => {
  const cases: readonly (readonly [string, string, unknown, string])[] = [
    ["conv2", "forward", { ...LOOP, outputs: 16 }, "16 outputs do not divide 8 channels"],
    ["conv2", "forward", { ...LOOP, outputs: 6 }, "6 outputs do not divide 8 channels"],
    ["conv2", "inputGradient", { ...LOOP, outputs: 8 }, "8 outputs do not divide 4 channels"],
    ["conv2", "forward", { ...LOOP, width: 9 }, "9 × 2 windows do not fit into 8"],
    ["conv2", "forward", { ...LOOP, threads: 257 }, "workgroups have 256 threads at the most, not 257"],
    ["conv2", "forward", { ...LOOP, outputs: 8, width: 8, height: 8 }, "2048 sums a thread"],
    ["conv2", "forward", { ...LOOP, threads: 0 }, "no tile of a convolution"],
    ["conv2", "forward", { ...LOOP, form: "round" }, "no tile of a convolution"],
    ["conv2", "forward", { ...LOOP, order: "other" }, "no tile of a convolution"],
    ["conv2", "forward", null, "no tile of a convolution"],
    ["conv3", "forward", { ...LOOP, height: 1, form: "straight", outputs: 8, width: 3 }, "6912 multiply-adds"],
    ["conv2", "inputGradient", { ...LOOP, form: "straight" }, "only a forward pass"],
    ["conv2", "forward", { ...LOOP, form: "staged" }, "no square of windows"],
    ["conv2", "forward", { ...LOOP, height: 1, threads: 200, form: "staged" }, "no square of windows"],
    ["conv2", "forward", { ...LOOP, height: 1, threads: 256, form: "staged" }, "less than 19072 bytes"],
    ["conv2", "filterGradient", { ...CONV2!.filterTile, bandRows: 3 }, "another order of sums"],
    ["conv2", "filterGradient", { ...CONV2!.filterTile, inputs: 2 }, "no tile of a filter gradient"],
    ["dense1", "dense", { ...DENSE1!.tile, splits: 9 }, "another order of sums"],
    ["dense1", "dense", { ...DENSE1!.tile, images: 65 }, "65 images a thread"],
    ["conv1", "inputGradient", LOOP, "no such pass"],
    ["conv1", "dense", DENSE1!.tile, "no such pass"],
    ["dense1", "forward", LOOP, "no such pass"],
    ["conv2", "toString", LOOP, "no such pass"],
    ["conv9", "forward", LOOP, "no such layer"],
  ];
  const sound = { conv3: { filterGradient: PLAN.convs[2]!.filterTile } };
  for (const [layer, pass, tile, part] of cases) {
    const own = (sound as Record<string, object>)[layer] ?? {};
    const { tuned, refused } = checkTiles({ ...sound, [layer]: { ...own, [pass]: tile } }, PLAN, LIMITS);
    assertEquals(tuned, sound);
    assertEquals(refused.length, 1, part);
    assert(refused[0]!.startsWith(`${layer} ${pass}: `) && refused[0]!.includes(part), refused[0]);
  }
});

Deno.test("whatever a file has, what is used of it makes a plan with the same order of sums", () => {
  const number = fc.oneof(fc.integer({ min: -1, max: 20 }), fc.constantFrom(4, 8, 64, 1e9, 0.5));
  const tile = fc.record({
    width: number,
    height: number,
    outputs: number,
    threads: number,
    form: fc.constantFrom("loop", "straight", "staged"),
    weights: fc.constantFrom("uniform", "storage", "texture"),
  });
  const filter = fc.record({
    inputs: fc.constantFrom(1, 4),
    outputs: number,
    bandRows: fc.constantFrom(CONV2!.filterTile.bandRows, 2),
    threads: number,
  });
  const dense = fc.record({ images: number, splits: fc.constantFrom(DENSE1!.tile.splits, 2), threads: number });
  const layer = fc.record(
    { forward: tile, inputGradient: tile, filterGradient: filter, dense },
    { requiredKeys: [] },
  );
  const file = fc.oneof(
    { weight: 3, arbitrary: fc.dictionary(fc.constantFrom("conv1", "conv2", "conv3", "dense1", "dense2"), layer) },
    fc.jsonValue(),
  );
  const workgroups = (plan: Plan) =>
    [...plan.forward, ...plan.backward(plan.gradientBuffer("g"))].flatMap((dispatch) => dispatch.workgroups);
  fc.assert(
    fc.property(file, (found) => {
      const { tuned } = checkTiles(found, PLAN, LIMITS);
      const plan = new Plan(SPEC, tunedPreset(SOFTWARE, tuned), 2);
      assertEquals(
        plan.convs.map(({ filterTile }) => filterTile.bandRows),
        PLAN.convs.map((c) => c.filterTile.bandRows),
      );
      assertEquals(plan.denses.map(({ tile }) => tile.splits), PLAN.denses.map(({ tile }) => tile.splits));
      assert(workgroups(plan).every((count) => Number.isInteger(count) && count > 0), "every kernel runs");
    }),
    { numRuns: 50 },
  );
});

Deno.test("a damaged file of tiles has no entries", () => {
  assertEquals(parseTiles('{"formatVersion": 1, "tiles": {"a": {"conv1": {}}}}'), { a: { conv1: {} } });
  const damaged = ["", "{", "null", "[]", '{"formatVersion": 2, "tiles": {}}', '{"formatVersion": 1}', '"tiles"'];
  for (const text of damaged) assertEquals(parseTiles(text), undefined, text);
});

Deno.test({
  name:
    "a file that is absent, foreign, damaged or no file at all leaves the preset's tiles, and what is wrong is said",
  ignore: WITHOUT_FILES,
  async fn() {
    using folder = temporaryDirectory();
    const file = join(folder.path, "cache", "tiles.json");
    const target = {
      adapter: "a GPU",
      limits: {
        ...LIMITS,
        maxBufferSize: 2 ** 28,
        maxStorageBufferBindingSize: 2 ** 27,
        maxTextureDimension2D: 8192,
        maxComputeWorkgroupsPerDimension: 65535,
      },
      version: 1,
    };
    const planned = async (tilesFile: string, limits = target.limits) => {
      const lines: string[] = [];
      const options = {
        spec: SPEC,
        microBatch: 2,
        augment: true,
        tilesFile,
        onProgress: (line: string) => lines.push(line),
      };
      const { plan, isTuned } = await planOf(options, SOFTWARE, { ...target, limits });
      assertEquals(isTuned, plan.tiles !== PLAN.tiles);
      assertEquals(plan.images, 2);
      return { tiles: plan.convs[1]!.forwardTile, lines };
    };
    const own = CONV2!.forwardTile;
    assertEquals(await planned(file), { tiles: own, lines: [] });
    const deno = Deno.version.deno;
    const key = tilesKey({ ...target, deno, preset: SOFTWARE.name, images: 2, spec: SPEC });
    await writeTiles(file, key.replace("a GPU", "another GPU"), { conv2: { forward: LOOP } });
    assertEquals(await planned(file), { tiles: own, lines: [] });
    await writeTiles(file, key, { conv2: { forward: LOOP, inputGradient: { ...LOOP, outputs: 8 } } });
    const { tiles, lines } = await planned(file);
    assertEquals(tiles, LOOP);
    assertEquals(lines, [
      `a GPU: left a tile of ${file} aside: conv2 inputGradient: 8 outputs do not divide 4 channels`,
      "a GPU: 1 tuned tiles",
    ]);
    // One image after the other would fit, in another order of sums.
    const few = { ...target.limits, maxComputeWorkgroupsPerDimension: 50 };
    await writeTiles(file, key, { conv2: { forward: { ...LOOP, height: 1, threads: 1 } } });
    const narrow = await planned(file, few);
    assertEquals(narrow.tiles, own);
    assert(narrow.lines.join().includes("conv2 forward needs 128 workgroups"), narrow.lines.join());
    await Deno.writeTextFile(file, (await Deno.readTextFile(file)).slice(0, -9));
    const damaged = await planned(file);
    assertEquals([damaged.tiles, damaged.lines.length], [own, 1]);
    assert(damaged.lines[0]!.includes(`${file} is damaged`), damaged.lines[0]);
    const unreadable = await planned(folder.path);
    assertEquals([unreadable.tiles, unreadable.lines.length], [own, 1]);
    assert(unreadable.lines[0]!.includes("cannot be read"), unreadable.lines[0]);
    await writeTiles(file, key, { conv2: { forward: LOOP } });
    assertEquals((await planned(file)).tiles, LOOP, "a damaged file is replaced");
  },
});
