// A plan keeps within an adapter's limits, or says in a sentence why it cannot.
import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import fc from "fast-check";
import { HerdError } from "../../../../shared/errors.ts";
import { builtInModel, type ModelSpec } from "../../../../shared/model.ts";
import { ALIGNMENT, rowBytes } from "../../../../worker/webgpu/kernels/dispatch.ts";
import { type Limits, planFor } from "../../../../worker/webgpu/fit.ts";
import { Plan } from "../../../../worker/webgpu/plan.ts";
import { PRESET_NAMES, presetOf } from "../../../../worker/webgpu/presets.ts";
import { anyNetwork } from "../../../fixtures/networks.ts";
import { turnsOf } from "../../../fixtures/wgsl_loops.ts";

/** What every WebGPU adapter has. */
const DEFAULTS: Limits = {
  maxTextureDimension2D: 8192,
  maxBufferSize: 2 ** 28,
  maxStorageBufferBindingSize: 2 ** 27,
  maxComputeWorkgroupsPerDimension: 65535,
};

/** Everything that a plan runs for a training pass, and what adds its sums. */
function dispatchesOf(plan: Plan) {
  const gradient = plan.gradientBuffer("gradients");
  return [...plan.forward, ...plan.backward(gradient), plan.add(gradient, gradient)];
}

function largestBinding(plan: Plan): number {
  return Math.max(...dispatchesOf(plan).flatMap(({ slices }) => slices.map(({ bytes }) => bytes)));
}

const softwarePlan = (spec: ModelSpec, microBatch: number, limits: Partial<Limits>) =>
  planFor(spec, presetOf("software"), microBatch, { ...DEFAULTS, ...limits });

for (const preset of PRESET_NAMES) {
  Deno.test(`${preset}: every binding lies within its buffer, where a binding may begin, and no group is empty`, () => {
    fc.assert(
      fc.property(anyNetwork, fc.integer({ min: 1, max: 8 }), (spec, images) => {
        const plan = new Plan(spec, presetOf(preset), images);
        const planned = new Set([...plan.buffers.map(({ name }) => name), "gradients"]);
        for (const { label, slices, workgroups } of dispatchesOf(plan)) {
          const textures = slices.filter(({ isTexture }) => isTexture);
          assert(textures.length <= 4, `${label} has more textures than every adapter allows`);
          for (const { buffer: { name, bytes, mirror } } of textures) {
            assert(mirror !== undefined && bytes % rowBytes(mirror) === 0, `${label}: ${name} is no whole rows`);
          }
          for (const { buffer, offset, bytes } of slices) {
            assert(planned.has(buffer.name), `${label} binds ${buffer.name}, which nobody makes`);
            assert(offset % ALIGNMENT === 0 && bytes > 0 && offset + bytes <= buffer.bytes, `${label}: ${buffer.name}`);
          }
          assert(workgroups.every((count) => Number.isInteger(count) && count >= 1), `${label}: ${workgroups}`);
        }
      }),
      { seed: 2, numRuns: 30 },
    );
  });

  for (const size of [300, 512, 1024]) {
    Deno.test(`${preset}: keras-example at ${size} px is within every adapter's limits, its loops far from the end`, () => {
      const plan = planFor(builtInModel("keras-example", size), presetOf(preset), 8, DEFAULTS);
      assert(largestBinding(plan) <= DEFAULTS.maxStorageBufferBindingSize);
      for (const one of dispatchesOf(plan)) assert(turnsOf(one) < 65535, `${one.label}: ${turnsOf(one)}`);
    });
  }

  Deno.test(`${preset}: a dense layer on a large image, or of many units, has no long loop either`, () => {
    const wide: ModelSpec = {
      imageSize: 512,
      channels: 3,
      layers: [
        { kind: "conv", filters: 8 },
        { kind: "dense", units: 12, dropoutBefore: 0.5, activation: "relu" },
        { kind: "dense", units: 20000, activation: "relu" },
        { kind: "dense", units: 1, activation: "none" },
      ],
      classes: 1,
    };
    const plan = new Plan(wide, presetOf(preset), 8);
    const turns = dispatchesOf(plan).map(turnsOf);
    assert(Math.max(...turns) < 65535, `${Math.max(...turns)} turns`);
    assert(Math.max(...turns) > 1000, "the loops were found");
  });
}

Deno.test("a leaf is computed in one pass of up to 8 images", () => {
  const spec = builtInModel("tiny", 24);
  const images = [1, 3, 8, 9, 32].map((microBatch) => softwarePlan(spec, microBatch, {}).images);
  assertEquals(images, [1, 3, 8, 8, 8]);
});

Deno.test("images of a pass are halved until every binding fits", () => {
  const spec = builtInModel("tiny", 100);
  const limitFor = (images: number) => largestBinding(new Plan(spec, presetOf("software"), images));
  for (const images of [8, 4, 2, 1]) {
    const plan = softwarePlan(spec, 8, { maxStorageBufferBindingSize: limitFor(images) });
    assertEquals(plan.images, images);
    assert(largestBinding(plan) <= limitFor(images));
    if (images > 1) {
      const next = softwarePlan(spec, 8, { maxStorageBufferBindingSize: limitFor(images) - 1 });
      assertEquals(next.images, images / 2, "one byte less is one image too many");
    }
  }
});

Deno.test("what does not fit at all is named, with its layer, its size, the limit and what to do", () => {
  const spec = builtInModel("tiny", 300);
  const refusal = (limits: Partial<Limits>) => {
    const { code, message } = assertThrows(() => softwarePlan(spec, 8, limits), HerdError);
    assertEquals(code, "usage");
    return message;
  };
  const binding = refusal({ maxStorageBufferBindingSize: 2 ** 20 });
  assertStringIncludes(binding, "needs 2 MiB, and a binding of the GPU has 1 MiB at most: use a smaller --image-size");
  assertStringIncludes(binding, "augmentation");
  const buffer = refusal({ maxBufferSize: 2 ** 20 });
  assertStringIncludes(buffer, "images needs 2 MiB, and a buffer of the GPU has 1 MiB at most: use a smaller");
  const groups = refusal({ maxComputeWorkgroupsPerDimension: 100 });
  assertStringIncludes(groups, "workgroups, and the GPU runs 100 at most: use a smaller --image-size");
});

Deno.test("a layer that is too large for a binding is named by its parameter", () => {
  const spec: ModelSpec = {
    imageSize: 64,
    channels: 3,
    layers: [
      { kind: "conv", filters: 16 },
      { kind: "dense", units: 4096, activation: "relu" },
      { kind: "dense", units: 1, activation: "none" },
    ],
    classes: 1,
  };
  const { message } = assertThrows(() => softwarePlan(spec, 1, { maxBufferSize: 2 ** 31 }), HerdError);
  assertStringIncludes(message, "dense1");
  assertStringIncludes(message, "241 MiB");
});

Deno.test("fewer images a pass fit into smaller textures; where not even one does, the sentence names what it is", () => {
  const spec = builtInModel("keras-example", 300);
  const [whole, less] = [8192, 512].map((maxTextureDimension2D) => softwarePlan(spec, 8, { maxTextureDimension2D }));
  assertEquals(whole!.images, 8);
  assert(less!.images < 8);
  const { message } = assertThrows(() => softwarePlan(spec, 8, { maxTextureDimension2D: 64 }), HerdError);
  assertStringIncludes(message, "a texture of the GPU has 1 MiB at most");
});

Deno.test("the turns of a kernel's loops are counted with those inside them", () => {
  const code = `fn main() {
  for (var r = 0u; r < 7u; r++) {
    { let a = 1; }
    for (var x = 0u; x < 5u; x++) { a += 1; }
  }
  for (var k = 0u; k < rows; k++) { }
  for (var i = local; i < 90u; i += 64u) { }
  for (var q = min(split * 12u, 40u); q < min((split + 1u) * 12u, 40u); q++) { }
}`;
  assertEquals(turnsOf({ code, numbers: { rows: 3 } }), 7 + 35 + 3 + 2 + 12);
  assertThrows(() => turnsOf({ code: "for (var i = 0u; i < b; i++) { }", numbers: {} }), Error, "unknown length");
});
