import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import fc from "fast-check";
import { bcaInterval } from "../../../coordinator/statistics/bca.ts";
import { aucByCounts, meanByCounts } from "../../../coordinator/statistics/by_counts.ts";
import { crossedInterval, type ScoredPair } from "../../../coordinator/statistics/crossed.ts";
import { delong } from "../../../coordinator/statistics/delong.ts";
import type { Interval } from "../../../coordinator/statistics/interval.ts";
import { normalQuantile } from "../../../coordinator/statistics/normal.ts";
import { pairedSummary } from "../../../coordinator/statistics/paired.ts";
import { between, resample, streamKey } from "../../../coordinator/statistics/resample.ts";
import { randomOf } from "../../fixtures/random.ts";

const NEAR_NORMAL = [0.012, -0.004, 0.031, 0.022, 0.008, -0.011, 0.017, 0.025, 0.003, 0.014];
const SKEWED = [0.001, 0.002, 0.002, 0.003, 0.004, 0.006, 0.009, 0.015, 0.028, 0.071];
const TWENTY = [0.3, -1.2, 0.8, 2.1, -0.4, 0.9, 1.7, -0.2, 0.5, 1.1, 0, 3.9, -0.7, 0.6, 1.4, 0.2, -1.9, 0.75, 2.6, 0.1];

const width = ([low, high]: Interval) => high - low;

Deno.test("resample() draws every index about as often, and another draw or stream draws others", () => {
  const draw = (stream: "seeds" | "positives", draw: number, n: number) => {
    const indices = new Uint32Array(9001);
    resample(indices, n, { key: streamKey(stream), draw });
    return indices;
  };
  const counts = [0, 0, 0];
  for (const index of draw("seeds", 0, 3)) counts[index]!++;
  assertEquals(counts.reduce((a, b) => a + b), 9001);
  // Five standard deviations.
  for (const count of counts) assertAlmostEquals(count, 3000, 5 * Math.sqrt(9001 * 2 / 9));
  const others = [draw("seeds", 0, 9), draw("seeds", 1, 9), draw("positives", 0, 9)];
  assertEquals(new Set(others.map(String)).size, 3);
  assertEquals(draw("seeds", 0, 1).every((index) => index === 0), true);
});

Deno.test("between() takes the values at the ranks from either end", () => {
  const sorted = Float64Array.from({ length: 2000 }, (_, i) => i + 1);
  assertEquals(between(sorted, 0.025, 0.025), [50, 1951]);
  assertEquals(between(sorted, 0, 1e-9), [1, 2000]);
});

Deno.test("bcaInterval() is scipy.stats.bootstrap's with method BCa and a million draws, within the error of its draws", () => {
  const expected = [
    [NEAR_NORMAL, [0.0036, 0.0189], 0.0039235],
    [SKEWED, [0.0057, 0.0364], 0.0064868],
    [TWENTY, [0.105, 1.2375], 0.2874182],
  ] as const;
  for (const [values, [low, high], error] of expected) {
    const found = bcaInterval(values)!;
    assertAlmostEquals(found[0], low, 0.06 * error);
    // Where skewness stretches the upper end, few draws lie there.
    assertAlmostEquals(found[1], high, 0.15 * error);
  }
});

Deno.test("bcaInterval() has these bits", () => {
  assertEquals(bcaInterval(NEAR_NORMAL), [0.0034999999999999996, 0.0189]);
  assertEquals(bcaInterval(TWENTY), [0.10750000000000004, 1.2275000000000003]);
});

Deno.test("bcaInterval() has no interval of fewer than ten, and one without width of equal ones", () => {
  assertEquals(bcaInterval(NEAR_NORMAL.slice(1)), null);
  assertEquals(bcaInterval(Array(12).fill(0.25)), [0.25, 0.25]);
});

Deno.test("bcaInterval() does not mind the order, and moves and grows with the differences", () => {
  const values = fc.array(fc.integer({ min: -1000, max: 1000 }), { minLength: 10, maxLength: 15 })
    .filter((values) => new Set(values).size > 1);
  fc.assert(
    fc.property(values, fc.infiniteStream(fc.nat()), (values, keys) => {
      const [low, high] = bcaInterval(values)!;
      const shuffled = values.map((value) => ({ value, key: keys.next().value! })).sort((a, b) => a.key - b.key);
      assertEquals(bcaInterval(shuffled.map(({ value }) => value)), [low, high]);
      const moved = bcaInterval(values.map((value) => 2 * value + 64))!;
      assertAlmostEquals(moved[0], 2 * low + 64, 1e-9);
      assertAlmostEquals(moved[1], 2 * high + 64, 1e-9);
    }),
    { numRuns: 20 },
  );
});

/** Scores of so many seeds and images: what image and label say, and noise of its own for each training. */
function scoredPairs(seeds: number, images: number, gain: number): { pairs: ScoredPair[]; labels: number[] } {
  const random = randomOf(5);
  const normal = () => normalQuantile(random() || 0.5);
  const labels = Array.from({ length: images }, (_, i) => i % 2);
  const common = labels.map((label) => label + normal());
  const scores = (extra: number) => common.map((score, i) => score + extra * labels[i]! + normal() / 2);
  return { pairs: Array.from({ length: seeds }, () => ({ baseline: scores(0), arm: scores(gain) })), labels };
}

Deno.test("crossedInterval() of an arm that equals its baseline is 0, and changes sign when they change places", () => {
  const { pairs, labels } = scoredPairs(6, 40, 0.5);
  const same = pairs.map(({ arm }) => ({ baseline: arm, arm }));
  assertEquals(crossedInterval({ pairs: same, labels, metric: aucByCounts }), [0, 0]);
  const [low, high] = crossedInterval({ pairs, labels, metric: aucByCounts })!;
  const swapped = pairs.map(({ baseline, arm }) => ({ baseline: arm, arm: baseline }));
  assertEquals(crossedInterval({ pairs: swapped, labels, metric: aucByCounts }), [-high, -low]);
  assert(low > 0, "the gain is seen");
});

Deno.test("crossedInterval() of seeds that say the same is DeLong's interval, for images alone are in error", () => {
  const { pairs: [pair], labels } = scoredPairs(1, 256, 0.2);
  const crossed = crossedInterval({ pairs: Array(5).fill(pair), labels, metric: aucByCounts })!;
  const { ci95, difference } = delong(pair!.baseline, pair!.arm, labels)!;
  assertAlmostEquals(width(crossed) / width(ci95), 1, 0.06);
  assertAlmostEquals((crossed[0] + crossed[1]) / 2, difference, 0.05 * width(ci95));
});

Deno.test("crossedInterval() of images that say the same is a bootstrap of seeds: of five, 0.63 as wide as the t interval", () => {
  const differences = [-1.2, -0.5, 0.1, 0.4, 1.2];
  const labels = [0, 0, 1, 1];
  const pairs = differences.map((one) => ({ baseline: labels.map(() => 0), arm: labels.map(() => one) }));
  const crossed = crossedInterval({ pairs, labels, metric: meanByCounts((score) => score) })!;
  assertAlmostEquals(width(crossed) / width(pairedSummary(differences).ci95!), 0.63, 0.03);
});

Deno.test("crossedInterval() counts what seed and image do together three times, and errs on the wide side", () => {
  const random = randomOf(7);
  const noise = () => Array.from({ length: 200 }, () => normalQuantile(random() || 0.5));
  const labels = Array.from({ length: 200 }, (_, i) => i % 2);
  const pairs = Array.from({ length: 20 }, () => ({ baseline: labels.map(() => 0), arm: noise() }));
  const crossed = crossedInterval({ pairs, labels, metric: meanByCounts((score) => score) })!;
  const onlyOnce = 2 * 1.96 * Math.sqrt(1 / (20 * 200));
  assertAlmostEquals((width(crossed) / onlyOnce) ** 2, 3, 0.6);
});

Deno.test("crossedInterval() has these bits", () => {
  const { pairs, labels } = scoredPairs(10, 256, 0.1);
  const found = crossedInterval({ pairs, labels, metric: aucByCounts })!;
  assertEquals(found, [0.0111572265625, 0.05289306640625]);
});

Deno.test("crossedInterval() has none of a single pair, or where a class is missing", () => {
  const { pairs, labels } = scoredPairs(3, 20, 1);
  assertEquals(crossedInterval({ pairs: pairs.slice(1, 2), labels, metric: aucByCounts }), null);
  assertEquals(crossedInterval({ pairs, labels: labels.map(() => 1), metric: aucByCounts }), null);
});
