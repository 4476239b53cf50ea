import { assert, assertEquals, assertNotEquals, assertRejects, assertThrows } from "@std/assert";
import { ENGINE_NAMES } from "../../../shared/engine_names.ts";
import { HerdError } from "../../../shared/errors.ts";
import type { ModelSpec } from "../../../shared/model.ts";
import { availableEngines, chooseAmong, createEngine, type EngineReport } from "../../../worker/engines.ts";
import { localWorkers } from "../../../worker/gpus/local_workers.ts";
import { fillNoise, probe } from "../../../worker/probe.ts";
import { smallModel, TFJS_ENGINES } from "../../fixtures/engines.ts";

const GPU: EngineReport = { name: "webgpu", works: true, adapter: "a GPU", software: false };
const LAVAPIPE: EngineReport = { name: "webgpu", works: true, adapter: "llvmpipe [software]", software: true };
const NO_GPU: EngineReport = {
  name: "webgpu",
  works: false,
  reason: "no WebGPU adapter was found",
  remedy: "install one",
};
const SIMD: EngineReport = { name: "simd", works: true };
const TFJS_CPU: EngineReport = { name: "tfjs-cpu", works: true };

const TFJS_GPU: EngineReport = { ...GPU, name: "tfjs-webgpu" };

const CHOICES = [
  { reports: [GPU, SIMD, TFJS_CPU], expected: "webgpu", why: "a real GPU comes first" },
  { reports: [LAVAPIPE, SIMD, TFJS_CPU], expected: "simd", why: "SIMD comes before a software adapter" },
  { reports: [LAVAPIPE, TFJS_CPU], expected: "webgpu", why: "a software adapter comes before TF.js" },
  { reports: [NO_GPU, TFJS_CPU], expected: "tfjs-cpu", why: "TF.js in plain TypeScript comes last" },
  { reports: [NO_GPU, TFJS_GPU, SIMD, TFJS_CPU], expected: "simd", why: "TF.js on a GPU does not come before SIMD" },
  { reports: [TFJS_GPU, TFJS_CPU], expected: "tfjs-cpu", why: "TF.js on a GPU comes not even before TF.js without" },
] as const;
for (const { reports, expected, why } of CHOICES) {
  Deno.test(`chooseAmong() for auto: ${why}`, () => assertEquals(chooseAmong(reports, "auto").name, expected));
}

Deno.test("chooseAmong() takes a named engine that works and refuses one that does not, with the remedy", () => {
  assertEquals(chooseAmong([GPU, TFJS_CPU], "tfjs-cpu").name, "tfjs-cpu");
  assertEquals(chooseAmong([GPU, TFJS_GPU, SIMD], "tfjs-webgpu").name, "tfjs-webgpu");
  const error = assertThrows(() => chooseAmong([NO_GPU, TFJS_CPU], "webgpu"), HerdError, "no WebGPU adapter was found");
  assertEquals(error.code, "cluster");
  assert(error.message.includes("install one"));
  assertThrows(() => chooseAmong([GPU, TFJS_CPU], "simd"), HerdError, "simd");
});

Deno.test("availableEngines() always has simd and tfjs-cpu, and says why and what to do where WebGPU does not work", async () => {
  const reports = await availableEngines();
  for (const name of ["simd", "tfjs-cpu"]) assert(reports.some((report) => report.name === name && report.works), name);
  for (const { works, adapter, reason, remedy } of reports) {
    if (works) assert(adapter);
    else assert(reason && remedy);
  }
});

Deno.test("an engine on a GPU has room for one worker on a machine, the others for one a core", async () => {
  const cores = navigator.hardwareConcurrency;
  const oneGpu = () => Promise.resolve({ count: 1, tags: [] });
  const room = ENGINE_NAMES.map((name) => localWorkers({ name, software: false }, undefined, oneGpu));
  assertEquals((await Promise.all(room)).map(({ count }) => count), [1, cores, 1, cores]);
});

Deno.test("createEngine() refuses what cannot be computed", async () => {
  const good = { spec: smallModel(16), microBatch: 2, augment: true };
  const { layers } = good.spec;
  const cases = [
    { ...good, microBatch: 0 },
    { ...good, microBatch: 1.5 },
    { ...good, spec: { ...good.spec, imageSize: 9 } },
    { ...good, spec: { ...good.spec, classes: 2 } },
    { ...good, spec: { ...good.spec, layers: layers.slice(0, 2) } },
    { ...good, spec: { ...good.spec, layers: [...layers.slice(2), ...layers.slice(0, 2)] } },
  ];
  for (const options of cases) {
    const error = await assertRejects(() => createEngine("tfjs-cpu", options), HerdError);
    assertEquals(error.code, "usage", error.message);
  }
});

const KEY = "0123456789abcdef";

for (const { name, ignore } of [...TFJS_ENGINES, { name: "simd", ignore: false } as const]) {
  Deno.test({
    name: `${name}: probe() gives a stable fingerprint, which depends on the model and on the coordinator's key${
      ignore ? " (skips: no adapter)" : ""
    }`,
    ignore,
    async fn() {
      const probed = async (spec: ModelSpec, key: string) => {
        await using engine = await createEngine(name, { spec, microBatch: 2, augment: true });
        return await probe(engine, spec, { microBatch: 2, key });
      };
      const spec = smallModel(16);
      const { fingerprint, leafMilliseconds } = await probed(spec, KEY);
      assert(leafMilliseconds > 0);
      assertEquals(fingerprint.length, 64);
      assertEquals((await probed(spec, KEY)).fingerprint, fingerprint);
      const others = [
        [smallModel(16, 3), KEY],
        [smallModel(18), KEY],
        [spec, "1123456789abcdef"],
        [spec, "0123456789abcdee"],
      ] as const;
      for (const [model, key] of others) assertNotEquals((await probed(model, key)).fingerprint, fingerprint);
    },
  });
}

Deno.test("noise is of bytes that differ from place to place, and another for each image and key", () => {
  const noise = (words: readonly [number, number], id: number, length = 300) => {
    const pixels = new Uint8Array(length);
    fillNoise(pixels, words, id);
    return pixels;
  };
  const image = noise([1, 2], 0);
  assertEquals(noise([1, 2], 0), image);
  // 300 draws of 256 bytes: 177 different ones are to be expected, give or take 7.
  assert(new Set(image).size > 140);
  for (const other of [noise([1, 3], 0), noise([2, 2], 0), noise([1, 2], 1)]) {
    assert(other.filter((byte, i) => byte === image[i]).length < 20);
  }
  assertEquals(noise([1, 2], 0, 13), image.subarray(0, 13), "a last draw that is not used up");
});
