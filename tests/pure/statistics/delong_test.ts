import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import fc from "fast-check";
import { auc } from "../../../coordinator/statistics/auc.ts";
import { delong } from "../../../coordinator/statistics/delong.ts";

/** The standard error of the difference by the definition: covariances of structural components, image by image. */
function quadraticError(a: readonly number[], b: readonly number[], labels: readonly number[]): number {
  const indices = labels.map((_, i) => i);
  const [negatives, positives] = [indices.filter((i) => labels[i] === 0), indices.filter((i) => labels[i] === 1)];
  const mean = (values: readonly number[]) => values.reduce((x, y) => x + y, 0) / values.length;
  const kernel = (scores: readonly number[], p: number, n: number) =>
    scores[p]! > scores[n]! ? 1 : scores[p] === scores[n] ? 0.5 : 0;
  const covariance = (x: readonly number[], y: readonly number[]) => {
    const [mx, my] = [mean(x), mean(y)];
    return x.reduce((sum, value, i) => sum + (value - mx) * (y[i]! - my), 0) / (x.length - 1);
  };
  const components = (scores: readonly number[]) =>
    [
      positives.map((p) => mean(negatives.map((n) => kernel(scores, p, n)))),
      negatives.map((n) => mean(positives.map((p) => kernel(scores, p, n)))),
    ] as const;
  const [a10, a01] = components(a);
  const [b10, b01] = components(b);
  const variance = (covariance(a10, a10) + covariance(b10, b10) - 2 * covariance(a10, b10)) / positives.length +
    (covariance(a01, a01) + covariance(b01, b01) - 2 * covariance(a01, b01)) / negatives.length;
  return Math.sqrt(Math.max(0, variance));
}

const score = fc.oneof(fc.integer({ min: -3, max: 3 }), fc.double({ noNaN: true }));
const scored = fc.array(fc.tuple(score, score, fc.constantFrom(0, 1)), { minLength: 4, maxLength: 50 })
  .map((images) => [images.map(([a]) => a), images.map(([, b]) => b), images.map(([, , label]) => label)] as const)
  .filter(([, , labels]) => [0, 1].every((one) => labels.filter((label) => label === one).length > 1));

Deno.test("delong() has the values that numpy and scipy give by the definition of 1988", () => {
  const labels = [1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0];
  const a = [0.9, 0.8, 0.7, 0.7, 0.6, 0.4, 0.35, 0.7, 0.5, 0.4, 0.3, 0.3, 0.2, 0.1, 0.05];
  const b = [0.8, 0.85, 0.6, 0.65, 0.3, 0.5, 0.2, 0.6, 0.55, 0.3, 0.45, 0.25, 0.2, 0.15, 0.1];
  // numpy.cov of the rows' and columns' means of (P > N) + (P == N)/2, p by scipy.stats.norm.sf.
  const found = delong(a, b, labels)!;
  assertAlmostEquals(found.difference, 0.7946428571428571 - 0.8660714285714286, 1e-15);
  assertAlmostEquals(found.standardError, 0.07500607361218958, 1e-15);
  assertAlmostEquals(found.p, 0.3409429142743804, 1e-13);
  assertAlmostEquals(found.ci95[0], -0.2184377743302232, 1e-14);
  assertAlmostEquals(found.ci95[1], 0.0755806314730802, 1e-14);
});

Deno.test("delong() agrees with its quadratic definition", () => {
  fc.assert(fc.property(scored, ([a, b, labels]) => {
    const { difference, standardError } = delong(a, b, labels)!;
    assertAlmostEquals(difference, auc(b, labels) - auc(a, labels), 1e-14);
    assertAlmostEquals(standardError * standardError, quadraticError(a, b, labels) ** 2, 1e-14);
  }));
});

Deno.test("delong() changes sign alone when the models change places", () => {
  fc.assert(fc.property(scored, ([a, b, labels]) => {
    const [one, other] = [delong(a, b, labels)!, delong(b, a, labels)!];
    assertEquals(one.difference + other.difference, 0);
    assertEquals([one.standardError, one.p], [other.standardError, other.p]);
    assert(one.ci95[0] + other.ci95[1] === 0 && one.ci95[1] + other.ci95[0] === 0);
  }));
});

Deno.test("delong() sees the ranking alone: logits and probabilities give the same bits", () => {
  fc.assert(fc.property(scored, ([a, b, labels]) => {
    const ranks = (scores: readonly number[]) => scores.map((one) => scores.filter((other) => other < one).length);
    assertEquals(delong(ranks(a), ranks(b), labels), delong(a, b, labels));
  }));
});

Deno.test("delong() of equal rankings says that nothing differs, for certain", () => {
  const labels = [0, 1, 0, 1, 1];
  assertEquals(delong([1, 2, 3, 4, 5], [10, 20, 30, 40, 50], labels), {
    difference: 0,
    standardError: 0,
    p: 1,
    ci95: [0, 0],
  });
});

Deno.test("delong() of areas that differ in every image alike has no error left, and says p = 0", () => {
  const labels = [0, 0, 1, 1, 1];
  const found = delong([5, 5, 5, 5, 5], [1, 2, 3, 4, 5], labels);
  assertEquals(found, { difference: 0.5, standardError: 0, p: 0, ci95: [0.5, 0.5] });
});

Deno.test("delong() says nothing of a class with fewer than two images, or of scores that are none", () => {
  assertEquals(delong([1, 2, 3], [3, 2, 1], [0, 1, 1]), null);
  assertEquals(delong([1, 2, 3, NaN], [3, 2, 1, 0], [0, 1, 1, 0]), null);
});
