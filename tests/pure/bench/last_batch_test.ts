import { assertAlmostEquals, assertEquals } from "@std/assert";
import { correlation, groupByShare } from "../../bench/after_last_batch.ts";

const tested = (share: number, accuracy: number, meanProbability: number) => {
  return { share, accuracy, auc: accuracy / 2 + 0.5, meanProbability };
};

Deno.test("tests are grouped by the share of class 1 in the batch before, the least first", () => {
  const [none, most, ...others] = groupByShare([tested(2 / 3, 0.5, 0.6), tested(0, 0.9, 0.5), tested(2 / 3, 0.6, 0.7)]);
  assertEquals(others, []);
  assertEquals(none, {
    share: "0.00",
    tests: 1,
    meanProbability: 0.5,
    least: 0.5,
    greatest: 0.5,
    accuracy: 0.9,
    atChance: 0,
    auc: 0.95,
  });
  const { meanProbability, accuracy, auc, ...rest } = most!;
  assertEquals(rest, { share: "0.67", tests: 2, least: 0.6, greatest: 0.7, atChance: 1 });
  assertAlmostEquals(meanProbability, 0.65, 1e-12);
  assertAlmostEquals(accuracy, 0.55, 1e-12);
  assertAlmostEquals(auc, 0.775, 1e-12);
});

Deno.test("many different shares are told apart at one half", () => {
  const groups = groupByShare(Array.from({ length: 9 }, (_, i) => tested(i / 8, 0.5, 0.5)));
  assertEquals(groups.map(({ share, tests }) => [share, tests]), [["below half", 4], ["half or more", 5]]);
});

Deno.test("correlation() is Pearson's", () => {
  assertAlmostEquals(correlation([1, 2, 3], [2, 4, 6]), 1, 1e-12);
  assertAlmostEquals(correlation([1, 2, 3], [5, 3, 1]), -1, 1e-12);
  assertAlmostEquals(correlation([1, 2, 3, 4], [1, 3, 2, 4]), 0.8, 1e-12);
  assertEquals(correlation([1, 1], [1, 2]), NaN);
});
