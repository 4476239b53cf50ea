import { assertAlmostEquals, assertEquals } from "@std/assert";
import fc from "fast-check";
import { auc } from "../../../coordinator/statistics/auc.ts";
import { aucByCounts, meanByCounts } from "../../../coordinator/statistics/by_counts.ts";

/** The definition: every positive image against every negative one. */
function quadraticAuc(scores: readonly number[], labels: readonly number[]): number {
  const of = (label: number) => scores.filter((_, i) => labels[i] === label);
  const [negatives, positives] = [of(0), of(1)];
  let sum = 0;
  for (const p of positives) for (const n of negatives) sum += p > n ? 1 : p === n ? 0.5 : 0;
  return sum / (positives.length * negatives.length);
}

/** Images with a score, often the same one, a label and how many times they are drawn. */
const images = fc.array(
  fc.tuple(fc.oneof(fc.integer({ min: -3, max: 3 }), fc.double({ noNaN: true })), fc.constantFrom(0, 1), fc.nat(3)),
  { maxLength: 60 },
);

Deno.test("auc() is 1 for a perfect ranking, 0 for a reversed one, and ½ where all are equal", () => {
  assertEquals(auc([0.1, 0.2, 0.3, 0.4], [0, 0, 1, 1]), 1);
  assertEquals(auc([0.4, 0.3, 0.2, 0.1], [0, 0, 1, 1]), 0);
  assertEquals(auc([0.5, 0.5, 0.5], [0, 1, 1]), 0.5);
});

Deno.test("auc() counts ties as ½", () => {
  // Of six pairs four are right and one is equal.
  assertEquals(auc([0.1, 0.4, 0.35, 0.8, 0.4], [0, 0, 1, 1, 1]), 4.5 / 6);
});

Deno.test("auc() does not mind where the threshold lies", () => {
  const labels = [0, 1, 0, 1];
  assertEquals(auc([0.51, 0.6, 0.7, 0.77], labels), auc([-3, 2, 4, 90], labels));
});

Deno.test("auc() is NaN without one of the classes, or with a score that is none", () => {
  assertEquals([auc([0.1, 0.2], [1, 1]), auc([0.1], [0]), auc([], []), auc([NaN, 0, 1], [1, 0, 1])], [
    NaN,
    NaN,
    NaN,
    NaN,
  ]);
});

Deno.test("auc() is what its quadratic definition says", () => {
  fc.assert(fc.property(images, (images) => {
    const [scores, labels] = [images.map(([score]) => score), images.map(([, label]) => label)];
    assertEquals(auc(scores, labels), quadraticAuc(scores, labels));
  }));
});

Deno.test("aucByCounts() is auc() of the images as often as they are drawn", () => {
  fc.assert(fc.property(images, (images) => {
    const drawn = images.flatMap((image) => Array<typeof image>(image[2]).fill(image));
    const counted = aucByCounts(images.map(([score]) => score), images.map(([, label]) => label));
    assertEquals(
      counted(images.map(([, , count]) => count)),
      auc(drawn.map(([score]) => score), drawn.map(([, label]) => label)),
    );
  }));
  assertEquals(aucByCounts([NaN, 1], [0, 1])([1, 1]), NaN);
});

Deno.test("meanByCounts() is the mean of a figure over the images as often as they are drawn", () => {
  const accuracy = meanByCounts((logit, label) => Number(logit > 0) === label ? 1 : 0);
  const counted = accuracy([2, -1, 3, -2], [1, 0, 0, 1]);
  assertEquals(counted([1, 1, 1, 1]), 0.5);
  assertAlmostEquals(counted([0, 2, 1, 0]), 2 / 3, 1e-15);
});
