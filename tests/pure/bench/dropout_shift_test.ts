import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { builtInModel, parameterCount, parameterTable } from "../../../shared/model.ts";
import { dropoutLayers, withDropoutIn } from "../../bench/dropout_layers.ts";
import { blockRatio, channelRatios, scaleFilters } from "../../bench/scaled_filters.ts";
import { logistic, logitOf, qualityOf } from "../../bench/test_quality.ts";

const TINY = builtInModel("tiny", 22);

Deno.test("the Keras example has dropout in blocks 2 and 3 and before its first dense layer, and each can be had alone", () => {
  const example = builtInModel("keras-example", 300);
  assertEquals(dropoutLayers(example), { conv: [1, 2], dense: [5] });
  assertEquals(withDropoutIn(example, [1, 2, 5]).layers.map((layer) => dropoutOf(layer)), [0, 0.5, 0.5, 0, 0, 0.5, 0]);
  assertEquals(dropoutLayers(withDropoutIn(example, [2])), { conv: [2], dense: [] });
  assertEquals(dropoutLayers(withDropoutIn(example, [5])), { conv: [], dense: [5] });
});

Deno.test("scaleFilters() multiplies kernel and bias of one block by its channel's factor, in a copy", () => {
  const weights = new Float32Array(parameterCount(TINY)).fill(1);
  const factors = [1, 2, 3, 4, 5, 6, 7, 8];
  const scaled = scaleFilters(TINY, weights, 1, factors);
  for (const { name, offset, size } of parameterTable(TINY)) {
    const expected = Array.from({ length: size }, (_, i) => name.startsWith("conv2.") ? factors[i % 8]! : 1);
    assertEquals([...scaled.subarray(offset, offset + size)], expected, name);
  }
  assert(weights.every((weight) => weight === 1));
});

Deno.test("scaleFilters() takes positive factors, one a channel, of a conv block", () => {
  const weights = new Float32Array(parameterCount(TINY));
  assertThrows(() => scaleFilters(TINY, weights, 3, [1]), RangeError, "no conv block");
  assertThrows(() => scaleFilters(TINY, weights, 0, [1, 2, 3]), RangeError, "needs 4 positive factors");
  for (const bad of [0, -1, NaN, Infinity]) {
    assertThrows(() => scaleFilters(TINY, weights, 0, [1, 1, 1, bad]), RangeError);
  }
});

Deno.test("ratios are training by test; a block's is that of its sums, and where nothing comes out it is 1", () => {
  assertEquals([...channelRatios([3, 1, 0, 5], [2, 1, 4, 0])], [1.5, 1, 0, 1]);
  assertEquals(blockRatio([3, 9], [2, 4]), 2);
  assertEquals(blockRatio([0, 0], [0, 0]), 1);
});

Deno.test("qualityOf() tells accuracy at 0.5, the ranking, and the threshold that would have been best", () => {
  const { loss, low, high, bestThreshold, ...rest } = qualityOf(Float32Array.of(0.5, 1, 2, 3), [0, 0, 1, 1]);
  const logs = [0.5, 1, 2, 3].map((logit, i) => Math.log(i < 2 ? logistic(-logit) : logistic(logit)));
  assertAlmostEquals(loss, -logs.reduce((a, b) => a + b) / 4, 1e-7);
  assertAlmostEquals(rest.meanProbability, [0.5, 1, 2, 3].reduce((sum, logit) => sum + logistic(logit), 0) / 4, 1e-12);
  assertEquals({ ...rest, meanProbability: 0 }, { accuracy: 0.5, auc: 1, meanProbability: 0, bestAccuracy: 1 });
  assertEquals([low, high], [logistic(0.5), logistic(3)]);
  assertAlmostEquals(bestThreshold, (logistic(1) + logistic(2)) / 2, 1e-12);
});

Deno.test("qualityOf() puts no threshold between equal probabilities", () => {
  const { auc, bestAccuracy } = qualityOf(new Float32Array(4), [0, 1, 1, 1]);
  assertEquals([auc, bestAccuracy], [0.5, 0.75]);
});

Deno.test("the best accuracy is that of the best of all thresholds, and neither it nor the ranking feels a shift", () => {
  const images = fc.array(
    fc.record({ logit: fc.integer({ min: -6, max: 6 }), label: fc.integer({ min: 0, max: 1 }) }),
    {
      minLength: 2,
      maxLength: 20,
    },
  ).filter((some) => new Set(some.map(({ label }) => label)).size === 2);
  fc.assert(fc.property(images, fc.integer({ min: -3, max: 3 }), (some, shift) => {
    const labels = some.map(({ label }) => label);
    const here = qualityOf(Float32Array.from(some, ({ logit }) => logit), labels);
    const tried = Array.from({ length: 15 }, (_, i) => i - 7.5).map((threshold) =>
      some.filter(({ logit, label }) => (logit > threshold ? 1 : 0) === label).length / some.length
    );
    assertEquals(here.bestAccuracy, Math.max(...tried));
    const right = some.filter(({ logit, label }) => (logistic(logit) > here.bestThreshold ? 1 : 0) === label);
    assertEquals(right.length / some.length, here.bestAccuracy);
    const shifted = qualityOf(Float32Array.from(some, ({ logit }) => logit + shift), labels);
    assertEquals([shifted.auc, shifted.bestAccuracy], [here.auc, here.bestAccuracy]);
  }));
});

Deno.test("logitOf() is the inverse of logistic()", () => {
  for (const logit of [-20, -1, 0, 0.1, 8]) assertAlmostEquals(logitOf(logistic(logit)), logit, 1e-6);
});

function dropoutOf(layer: (typeof TINY.layers)[number]): number {
  return (layer.kind === "conv" ? layer.dropout : layer.dropoutBefore) ?? 0;
}
