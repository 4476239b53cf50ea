import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { initialWeights } from "../../../shared/initial_weights.ts";
import { parameterTable } from "../../../shared/model.ts";
import { createSimdEngine } from "../../../worker/simd/mod.ts";
import { BlockMeans } from "../../bench/block_means.ts";
import { withDropoutIn } from "../../bench/dropout_layers.ts";
import { scaleFilters } from "../../bench/scaled_filters.ts";
import { leafPredictions, noiseSample, smallModel } from "../../fixtures/engines.ts";

const SPEC = smallModel(22);
const SAMPLES = Array.from({ length: 11 }, (_, id) => noiseSample(22, id));

Deno.test("without a mask the logits are those of an evaluation, bit by bit", async () => {
  const weights = initialWeights(SPEC, 1);
  const { logits } = (await BlockMeans.load(SPEC)).pass(weights, SAMPLES);
  await using engine = await createSimdEngine({ spec: SPEC, microBatch: SAMPLES.length, augment: true });
  engine.setWeights(weights);
  assertEquals(logits, (await leafPredictions(engine, { index: 0, seed: 0, epoch: 1, samples: SAMPLES })).logits);
});

Deno.test("where all inputs of max-pool are equal, dropout of half makes its output 15/8 of what it is without", async () => {
  // All survivors are doubled, and one of four survives in 15 of 16 windows.
  const weights = withConstantOutput(1);
  const network = await BlockMeans.load(SPEC);
  assertEquals(network.pass(weights, SAMPLES).channels[1], new Float64Array(8).fill(1));
  const masks = Array.from({ length: 40 }, (_, i) => network.pass(weights, SAMPLES, i + 1).channels[1]!);
  const mean = masks.flatMap((means) => [...means]).reduce((a, b) => a + b) / (40 * 8);
  assertAlmostEquals(mean, 15 / 8, 0.01); // standard error 0.002: 40 masks × 11 images × 16 windows × 8 channels
});

Deno.test("dropout elsewhere leaves a block as it is, and masks are the same whenever they are asked for", async () => {
  const weights = initialWeights(SPEC, 1);
  const plain = (await BlockMeans.load(SPEC)).pass(weights, SAMPLES);
  const dense = await BlockMeans.load(withDropoutIn(SPEC, [2]));
  const [first, second] = [dense.pass(weights, SAMPLES, 1), dense.pass(weights, SAMPLES, 2)];
  assertEquals(first.channels, plain.channels);
  assert(first.logits.some((logit, i) => logit !== second.logits[i]));
  assertEquals(dense.pass(weights, SAMPLES, 1), first);
});

Deno.test("a block whose filters are scaled puts out as much more, and those before it what they did", async () => {
  const weights = initialWeights(SPEC, 1);
  const factors = [0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4];
  const network = await BlockMeans.load(SPEC);
  const [before, after] = [weights, scaleFilters(SPEC, weights, 1, factors)].map((some) => network.pass(some, SAMPLES));
  assertEquals(after!.channels[0], before!.channels[0]);
  before!.channels[1]!.forEach((mean, channel) => {
    assert(mean > 0);
    assertAlmostEquals(after!.channels[1]![channel]! / mean, factors[channel]!, 1e-4);
  });
});

/** Weights with which the second block puts out this value everywhere. */
function withConstantOutput(value: number): Float32Array {
  const weights = initialWeights(SPEC, 1);
  const [kernel, bias] = parameterTable(SPEC).slice(2, 4);
  weights.fill(0, kernel!.offset, kernel!.offset + kernel!.size);
  weights.fill(value, bias!.offset, bias!.offset + bias!.size);
  return weights;
}
