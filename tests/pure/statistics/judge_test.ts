import { assert, assertAlmostEquals, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import fc from "fast-check";
import { judge, LEAST_PAIRS, type Question, RULE } from "../../../coordinator/statistics/judge.ts";

const UP = [0.03, 0.05, 0.01, 0.04, 0.02, 0.06];
const MIXED = [0.03, -0.05, 0.01, -0.04, 0.02, -0.01, 0.03, -0.02, 0.01, 0.04];

/** A question about gc, test AUC and so many differences, unless told otherwise. */
function question(differences: readonly (number | null)[], others: Partial<Question> = {}): Question {
  const diverged = { arm: differences.filter((one) => one === null).length, baseline: 0 };
  return {
    arm: "gc",
    baseline: "no-gc",
    metric: "test AUC",
    better: "higher",
    differences,
    diverged,
    holmP: null,
    ...others,
  };
}

Deno.test("an arm is better where the interval lies above 0 and higher is better", () => {
  const { outcome, sentence, wins, losses, signP, summary, withheld } = judge(question(UP));
  assertEquals(
    [outcome, sentence],
    [
      "better",
      "gc is better than no-gc: its test AUC is 0.035 higher in the mean of 6 pairs (95 % interval of the difference 0.015 to 0.055)",
    ],
  );
  assertEquals([wins, losses, signP, withheld], [6, 0, 0.03125, null]);
  assertAlmostEquals(summary!.mean, 0.035, 1e-15);
});

Deno.test("it is worse where the interval lies on the other side, or lower is better", () => {
  const down = judge(question(UP.map((one) => -one)));
  assertEquals([down.outcome, down.wins, down.losses], ["worse", 0, 6]);
  assertStringIncludes(down.sentence, "its test AUC is 0.035 lower in the mean of 6 pairs");
  assertStringIncludes(down.sentence, "−0.055 to −0.015");
  const loss = judge(question(UP, { metric: "test loss", better: "lower" }));
  assertEquals([loss.outcome, loss.wins, loss.losses], ["worse", 0, 6]);
  assertStringIncludes(loss.sentence, "gc is worse than no-gc: its test loss is 0.035 higher");
  assertEquals(judge(question(UP.map((one) => -one), { better: "lower" })).outcome, "better");
});

Deno.test("there is no evidence where the interval has 0 in it, and the difference is told that would have shown", () => {
  const { outcome, sentence, wins, losses, ties } = judge(question(MIXED));
  assertEquals([outcome, wins, losses, ties], ["no evidence", 6, 4, 0]);
  // 0.9960 times the standard deviation, 0.0308.
  assertEquals(
    sentence,
    "no evidence either way: with 10 pairs only a difference above 0.031 in test AUC would have shown",
  );
});

Deno.test("five pairs are too few, however clear they are", () => {
  const { outcome, sentence, summary } = judge(question(UP.slice(0, 5)));
  assertEquals([outcome, sentence], ["too few pairs", "too few pairs: 5, and the rule asks for 6"]);
  assert(summary!.ci95![0] > 0);
  assertEquals([judge(question([])).outcome, judge(question([0.1])).outcome], ["too few pairs", "too few pairs"]);
});

Deno.test("mean and interval are withheld where a training diverged, and the sign test counts it as a loss", () => {
  const arm = judge(question([...UP, null, null]));
  assertEquals([arm.outcome, arm.summary, arm.withheld], ["withheld", null, "gc diverged in 2 of 8 pairs"]);
  assertEquals([arm.wins, arm.losses, arm.ties, arm.signP], [6, 2, 0, 0.2890625]);
  assertEquals(
    arm.sentence,
    "gc diverged in 2 of 8 pairs, so mean and interval are withheld: gc was better in 6 and worse in 2 (p = 0.29 by the sign test)",
  );
  const baseline = judge(question([...UP, null], { diverged: { arm: 0, baseline: 1 } }));
  assertEquals([baseline.outcome, baseline.wins, baseline.losses], ["withheld", 7, 0]);
  assertEquals(baseline.withheld, "no-gc diverged in 1 of 7 pairs");
  const both = judge(question([...UP, null, null], { diverged: { arm: 2, baseline: 1 } }));
  assertEquals([both.wins, both.losses, both.ties], [6, 1, 1]);
  assertEquals(both.withheld, "gc diverged in 2 and no-gc in 1 of 8 pairs");
  assertEquals(judge(question([0.1, null])).outcome, "withheld", "also where there are too few");
});

Deno.test("differences may be missing only where trainings diverged", () => {
  const none = { arm: 0, baseline: 0 };
  assertThrows(() => judge(question([...UP, null], { diverged: none })), RangeError, "Cannot lack 1 differences");
  assertThrows(() => judge(question(UP, { diverged: { arm: 1, baseline: 0 } })), RangeError);
  assertThrows(() => judge(question([...UP, null], { diverged: { arm: 2, baseline: 0 } })), RangeError);
});

Deno.test("an exploratory comparison is better only if it is so after Holm's correction too", () => {
  assertEquals(judge(question(UP, { holmP: 0.04 })).outcome, "better");
  const { outcome, sentence } = judge(question(UP, { holmP: 0.052 }));
  assertEquals(outcome, "no evidence");
  assertEquals(
    sentence,
    "no evidence either way: p = 0.052 in test AUC after Holm's correction for all exploratory comparisons",
  );
});

Deno.test("differences without spread are judged by what they are", () => {
  const zeros = judge(question([0, 0, 0, 0, 0, 0]));
  assertEquals([zeros.outcome, zeros.ties, zeros.signP], ["no evidence", 6, 1]);
  assertEquals(zeros.sentence, "no evidence either way: all 6 pairs are equal in test AUC");
  const alike = judge(question(Array(6).fill(1 / 256), { metric: "test accuracy" }));
  assertEquals([alike.outcome, alike.wins], ["better", 6]);
  assertEquals(alike.sentence, "gc is better than no-gc: its test accuracy is 0.0039 higher in each of 6 pairs");
});

Deno.test("figures are told to two digits, large and small ones too", () => {
  const scaled = (factor: number) => judge(question(MIXED.map((one) => factor * one))).sentence;
  assertStringIncludes(scaled(1e4), "above 307 in");
  assertStringIncludes(scaled(1e-5), "above 0.00000031 in");
});

Deno.test("an arm and its baseline change places: better and worse do too, and nothing else", () => {
  const differences = fc.array(fc.integer({ min: -5, max: 15 }), { maxLength: 14 });
  const opposite = { better: "worse", worse: "better" } as Readonly<Record<string, string>>;
  fc.assert(fc.property(differences, (values) => {
    const one = judge(question(values));
    const other = judge(question(values.map((value) => -value)));
    assertEquals(other.outcome as string, opposite[one.outcome] ?? one.outcome);
    assertEquals([other.wins, other.losses, other.ties, other.signP], [one.losses, one.wins, one.ties, one.signP]);
  }));
});

Deno.test("the rule says how many pairs it asks for, and what a level and a power are", () => {
  assertEquals(LEAST_PAIRS, 6);
  for (const part of ["from 6 pairs on", "95 % t interval", "80 % power", "Holm", "withheld"]) {
    assertStringIncludes(RULE, part);
  }
});
