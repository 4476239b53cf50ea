// What a weight's place on the device is, by the documented order of each form, and that every weight comes back from its place.
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { type ModelSpec, parameterCount } from "../../../../shared/model.ts";
import type { Place } from "../../../../worker/webgpu/layout.ts";
import type { PackedWeights } from "../../../../worker/webgpu/kernels/conv_weights.ts";
import { ALIGNMENT } from "../../../../worker/webgpu/kernels/dispatch.ts";
import { Plan } from "../../../../worker/webgpu/plan.ts";
import { PRESET_NAMES, presetOf } from "../../../../worker/webgpu/presets.ts";
import { anyNetwork } from "../../../fixtures/networks.ts";

const anyPlan = fc.record({ spec: anyNetwork, preset: fc.constantFrom(...PRESET_NAMES), images: fc.nat(7) })
  .map(({ spec, preset, images }) => ({ spec, plan: new Plan(spec, presetOf(preset), images + 1) }));

const runs = { seed: 4, numRuns: 30 };

const floats = (array: Float32Array, { offset, bytes }: Place) => array.subarray(offset / 4, (offset + bytes) / 4);

/** Where a packed form holds the weight between a channel that it sums over and one that comes out. */
function packedIndex({ outputs, stride }: PackedWeights, tap: number, summed: number, output: number): number {
  const vector = ((summed >> 2) * outputs + output % outputs) * 9 + tap;
  return 4 * (Math.floor(output / outputs) * stride + vector) + (summed & 3);
}

/**
 * A device whose gradients are its weights: each kernel's from the form that the forward pass reads, written as the gradient
 * kernels write.
 */
function fakeDevice(plan: Plan, weights: Float32Array): Float32Array {
  const { layout, convs, denses } = plan;
  const gradients = new Float32Array(layout.gradientBytes / 4).fill(NaN);
  convs.forEach(({ block, forward }, i) => {
    const { inputChannels, inputQuads, filters, quads } = block;
    const kernel = floats(weights, layout.convWeights[i]!.kernel);
    const target = floats(gradients, layout.convGradients[i]!.kernel);
    for (let tap = 0; tap < 9; tap++) {
      for (let filter = 0; filter < filters; filter++) {
        for (let c = 0; c < inputChannels; c++) {
          target[((tap * 4 * quads + filter) * inputQuads) * 4 + c] = kernel[packedIndex(forward, tap, c, filter)]!;
        }
      }
    }
    const biases = floats(gradients, layout.convGradients[i]!.bias);
    for (let filter = 0; filter < filters; filter++) {
      const group = 4 * forward.stride * Math.floor(filter / forward.outputs);
      biases[filter] = kernel[group + 36 * inputQuads * forward.outputs + filter % forward.outputs]!;
    }
  });
  denses.forEach((_, i) => {
    const { kernel, second } = layout.denseWeights[i]!;
    floats(gradients, layout.denseGradients[i]!.kernel).set(floats(weights, kernel));
    floats(gradients, layout.denseGradients[i]!.bias).set(floats(weights, second!));
  });
  return gradients;
}

/** Numbers from 1: none twice, and none that fills up. */
function numbered(spec: ModelSpec): Float32Array {
  return Float32Array.from({ length: parameterCount(spec) }, (_, i) => i + 1);
}

Deno.test("every weight is where its kernel looks for it, and comes back from where its gradient is written", () => {
  fc.assert(
    fc.property(anyPlan, ({ spec, plan }) => {
      const flat = numbered(spec);
      const weights = new Float32Array(plan.layout.weightBytes / 4);
      plan.layout.packWeights(flat, weights);
      const back = new Float32Array(flat.length);
      plan.layout.unpackGradients(fakeDevice(plan, weights), back);
      assertEquals(back.findIndex((value, i) => value !== flat[i]), -1, "the first weight that is lost");
    }),
    runs,
  );
});

Deno.test("the input gradient reads the same weights with channels exchanged and taps turned round", () => {
  fc.assert(
    fc.property(anyPlan, ({ spec, plan }) => {
      const weights = new Float32Array(plan.layout.weightBytes / 4);
      plan.layout.packWeights(numbered(spec), weights);
      plan.convs.forEach(({ block, forward, backward }, i) => {
        assertEquals(backward === undefined, i === 0, "the first block has no input gradient");
        if (!backward) return;
        const { kernel, second } = plan.layout.convWeights[i]!;
        const [up, down] = [floats(weights, kernel), floats(weights, second!)];
        for (let tap = 0; tap < 9; tap++) {
          for (let c = 0; c < block.inputChannels; c++) {
            for (let filter = 0; filter < block.filters; filter++) {
              const expected = up[packedIndex(forward, tap, c, filter)];
              assertEquals(down[packedIndex(backward, 8 - tap, filter, c)], expected);
            }
          }
        }
      });
    }),
    { ...runs, numRuns: 20 },
  );
});

Deno.test("what fills up stays 0: a weight is held once in each of its forms, and nothing else is", () => {
  fc.assert(
    fc.property(anyPlan, ({ spec, plan }) => {
      const weights = new Float32Array(plan.layout.weightBytes / 4);
      plan.layout.packWeights(numbered(spec), weights);
      const again = plan.convs.slice(1).reduce((sum, { block }) => sum + 9 * block.inputChannels * block.filters, 0);
      assertEquals(weights.reduce((count, value) => count + (value === 0 ? 0 : 1), 0), parameterCount(spec) + again);
    }),
    runs,
  );
});

Deno.test("places begin where a binding may, do not overlap and end within their buffer", () => {
  fc.assert(
    fc.property(anyPlan, ({ plan: { layout } }) => {
      const weights = [...layout.convWeights, ...layout.denseWeights].flatMap(({ kernel, second }) =>
        second ? [kernel, second] : [kernel]
      );
      const gradients = [...layout.convGradients, ...layout.denseGradients].flatMap((
        { kernel, bias },
      ) => [kernel, bias]);
      for (const [places, bytes] of [[weights, layout.weightBytes], [gradients, layout.gradientBytes]] as const) {
        let end = 0;
        for (const { offset, bytes } of places) {
          assert(offset >= end && offset % ALIGNMENT === 0, `${offset} behind ${end}`);
          end = offset + bytes;
        }
        assert(end <= bytes);
      }
    }),
    runs,
  );
});
