import { assert, assertAlmostEquals, assertEquals, assertStringIncludes } from "@std/assert";
import type { ArmName, EpochRecord, RunFacts, RunKey } from "../../../coordinator/events/mod.ts";
import { type Comparison, METRICS, type Report } from "../../../coordinator/report/report.ts";
import { holm, RULE } from "../../../coordinator/statistics/mod.ts";
import { DATASET } from "../../fixtures/events.ts";
import { type Told, toldReport } from "../../fixtures/told_run.ts";

/** A run of so many seeds, as it was declared. */
function plan(seeds: number, changes: Partial<RunFacts> = {}): Partial<RunFacts> {
  const epochs = changes.epochs ?? 2;
  return {
    seeds: Array.from({ length: seeds }, (_, i) => i),
    declared: { seeds, epochs },
    epochs,
    ...changes,
  };
}

/** Two epochs, of which the last has these figures. */
function told(last: Partial<EpochRecord>, more: Partial<Told> = {}): Told {
  return { epochs: [{}, last], ...more };
}

/** The baseline's area with a seed, and the other arms' by what they differ from it. */
function areas(differences: Partial<Record<ArmName, readonly number[]>>) {
  return ({ arm, seed, role }: RunKey) => {
    const difference = role === "lose" ? -0.3 : differences[arm]?.[seed] ?? 0;
    return told({ testAuc: 0.7 + seed / 100 + difference });
  };
}

function find(
  { comparison }: Report,
  wanted: Partial<Pick<Comparison, "metric" | "arm" | "learningRate" | "role">>,
): Comparison {
  const all = { metric: "testAuc", arm: "gc", learningRate: 1e-4, role: null, ...wanted };
  const found = comparison.filter((one) => Object.entries(all).every(([name, value]) => one[name as "arm"] === value));
  assertEquals(found.length, 1, JSON.stringify(wanted));
  return found[0]!;
}

const SIX = [0.01, 0.02, 0.03, 0.04, 0.05, 0.06];

Deno.test("the comparison that was fixed: literal mean, t interval, effect size, wins, and the verdict", () => {
  const report = toldReport(plan(6), areas({ gc: SIX }));
  const [first] = report.comparison;
  assertEquals([first!.metric, first!.baseline, first!.arm, first!.kind], ["testAuc", "no-gc", "gc", "confirmatory"]);
  assertEquals([first!.pairs, first!.wins, first!.losses, first!.ties], [6, 6, 0, 0]);
  // Standard deviation 0.0187083, t with 5 degrees of freedom 2.570582.
  assertAlmostEquals(first!.meanDifference!, 0.035, 1e-12);
  assertAlmostEquals(first!.ci95![0], 0.035 - 2.570582 * 0.0187083 / Math.sqrt(6), 1e-7);
  assertAlmostEquals(first!.ci95![1], 0.035 + 2.570582 * 0.0187083 / Math.sqrt(6), 1e-7);
  assertAlmostEquals(first!.effectSize!, 0.035 / 0.0187083, 1e-5);
  assertEquals([first!.signP, first!.holmP, first!.withheld], [2 / 64, null, null]);
  assertEquals([first!.bca95, first!.crossed95], [null, null]); // fewer than ten pairs; no logits
  const { verdict } = report;
  assertEquals([verdict.outcome, verdict.confirmatory, verdict.exploratoryBecause], ["better", true, ""]);
  assertEquals([verdict.rule, verdict.primary, verdict.sentence], [RULE, "testAuc", first!.verdict]);
  assertStringIncludes(
    verdict.sentence,
    "gc is better than no-gc: its test AUC is 0.035 higher in the mean of 6 pairs",
  );
});

Deno.test("fixed before is the second arm against the first at the default rate, by the primary metric, and nothing else", () => {
  const changes = { arms: ["gc", "no-gc", "gc-update"], learningRates: [1e-4, 3e-4], control: true } as const;
  const report = toldReport(plan(6, changes), areas({ "no-gc": SIX, "gc-update": SIX.map((one) => -one) }));
  const kinds = Map.groupBy(report.comparison, ({ kind }) => kind);
  assertEquals(
    kinds.get("confirmatory")!.map(({ baseline, arm, learningRate, metric }) => [baseline, arm, learningRate, metric]),
    [
      ["gc", "no-gc", 1e-4, "testAuc"],
    ],
  );
  assertEquals(report.comparison[0]!.kind, "confirmatory");
  // Two arms at two rates by six metrics, but one; two controls by six metrics.
  assertEquals([kinds.get("exploratory")!.length, kinds.get("control")!.length], [2 * 2 * 6 - 1, 2 * 6]);
  assertEquals(kinds.size, 3);
  assertEquals(report.verdict.outcome, "better");
  for (const { role, baseline, arm } of kinds.get("control")!) {
    assertEquals([role === "again" || role === "lose", baseline, arm], [true, "gc", "gc"]);
  }
});

Deno.test("Holm's correction is over the exploratory comparisons alone, and all of them but the times", () => {
  const changes = { arms: ["no-gc", "gc", "gc-update"], learningRates: [1e-4, 3e-4], control: true } as const;
  const report = toldReport(plan(6, changes), areas({ gc: SIX, "gc-update": [0.01, 0.02, 0.015, 0, 0.02, 0.01] }));
  const isTime = ({ metric }: Comparison) => metric === "seconds";
  const exploratory = report.comparison.filter((one) => one.kind === "exploratory" && !isTime(one));
  const ps = exploratory.map(({ tP }) => tP!);
  assertEquals(exploratory.map(({ holmP }) => holmP), holm(ps));
  assert(exploratory.some(({ holmP }, i) => holmP! < 1 && holmP! > ps[i]!));
  const others = report.comparison.filter((one) => !exploratory.includes(one));
  assertEquals(others.filter(({ holmP }) => holmP !== null), []);
  const times = report.comparison.filter((one) => one.kind === "exploratory" && isTime(one));
  assert(times.length > 0 && times.every(({ verdict }) => verdict === "a time of this machine, not judged"));
  // Alone it would be called better; among so many it is not.
  const update = find(report, { arm: "gc-update" });
  assert(update.ci95![0] > 0 && update.tP! < 0.05 && update.holmP! >= 0.05);
  assertStringIncludes(update.verdict, "no evidence either way: ");
  assertStringIncludes(update.verdict, "after Holm's correction");
});

Deno.test("each rate has its own pairs: an arm may be better at one and worse at another", () => {
  const report = toldReport(plan(6, { learningRates: [1e-4, 3e-4] }), ({ arm, seed, learningRate }) => {
    const sign = learningRate === undefined ? 1 : -1;
    return told({ testAuc: 0.7 + seed / 100 + (arm === "gc" ? sign * SIX[seed]! : 0) });
  });
  assertAlmostEquals(find(report, {}).meanDifference!, 0.035, 1e-12);
  assertAlmostEquals(find(report, { learningRate: 3e-4 }).meanDifference!, -0.035, 1e-12);
  assertEquals(
    report.pairs.map(({ learningRate }) => learningRate),
    [1e-4, 3e-4].flatMap((rate) => Array(6).fill(rate)),
  );
});

Deno.test("controls are compared with the default rate's trainings, shown, and not judged", () => {
  const changes = { learningRates: [1e-4, 3e-4], control: true };
  const report = toldReport(plan(6, changes), (key) => {
    // At the other rate the baseline is quite another.
    if (key.learningRate !== undefined) return told({ testAuc: 0.1 });
    return areas({ gc: SIX })(key);
  });
  const again = find(report, { arm: "no-gc", role: "again" });
  assertEquals([again.kind, again.baseline, again.pairs, again.meanDifference], ["control", "no-gc", 6, 0]);
  assertEquals(again.verdict, "the same arm, not judged: better in 0, worse in 0 of 6");
  const lose = find(report, { arm: "no-gc", role: "lose", learningRate: 0 });
  assertAlmostEquals(lose.meanDifference!, -0.3, 1e-12);
  assertEquals(lose.verdict, "must lose: better in 0, worse in 6 of 6");
});

Deno.test("the published protocol: training metrics alone, shown as an artefact beside the fair pair, and not judged", () => {
  const report = toldReport(
    plan(1, { protocol: "as-published" }),
    ({ role }) => told({ loss: role === "published" ? 0.2 : 0.5, testAuc: 0.9 }),
  );
  const artefacts = report.comparison.filter(({ kind }) => kind === "artefact");
  assertEquals(artefacts.map(({ metric, role }) => [metric, role]), [
    ["loss", "published"],
    ["accuracy", "published"],
    ["seconds", "published"],
  ]);
  assertAlmostEquals(artefacts[0]!.meanDifference!, -0.3, 1e-12);
  assertEquals(new Set(artefacts.map(({ verdict }) => verdict)), new Set(["what this protocol shows, not judged"]));
  assertEquals(report.verdict.outcome, "too few pairs");
});

Deno.test("a pair of which one diverged: mean and intervals are withheld, the sign test counts a loss, the others have theirs", () => {
  const changes = { arms: ["no-gc", "gc", "gc-update"] } as const;
  const run = (lost: (key: RunKey) => boolean) =>
    toldReport(plan(6, changes), (key) => ({
      ...areas({ gc: SIX, "gc-update": SIX })(key),
      ...lost(key) ? { epochs: [{}], diverged: "Its loss is not finite" } : {},
    }));
  const report = run(({ arm, seed }) => arm === "gc" && seed === 3);
  const gc = find(report, {});
  assertEquals([gc.pairs, gc.diverged, gc.wins, gc.losses], [6, { arm: 1, baseline: 0 }, 5, 1]);
  assertEquals([gc.meanDifference, gc.ci95, gc.tP, gc.holmP, gc.effectSize, gc.leastDetectable], Array(6).fill(null));
  assertAlmostEquals(gc.signP!, 2 * (1 + 6) / 64, 1e-12);
  assertEquals([report.verdict.outcome, gc.withheld], ["withheld", "gc diverged in 1 of 6 pairs"]);
  assertEquals(report.pairs.filter(({ diverged }) => diverged !== null).map(({ seed, arm }) => [seed, arm]), [[
    3,
    "gc",
  ]]);
  assertAlmostEquals(find(report, { arm: "gc-update" }).meanDifference!, 0.035, 1e-12);
  // What has no p is not corrected, and others are not corrected for it.
  const exploratory = report.comparison.filter(({ kind, metric }) => kind === "exploratory" && metric !== "seconds");
  const [withheld, others] = [true, false].map((is) => exploratory.filter((one) => (one.withheld !== null) === is));
  assertEquals(withheld!.map(({ holmP }) => holmP), Array(4).fill(null));
  assertEquals(others!.map(({ holmP }) => holmP), holm(others!.map(({ tP }) => tP!)));
  assertEquals(report.arms.filter(({ diverged }) => diverged !== null).map(({ arm, seed }) => [arm, seed]), [[
    "gc",
    3,
  ]]);

  const baseline = find(run(({ arm, seed }) => arm === "no-gc" && seed === 3), {});
  assertEquals([baseline.diverged, baseline.wins, baseline.losses], [{ arm: 0, baseline: 1 }, 6, 0]);
  const both = find(run(({ arm, seed }) => arm !== "gc-update" && seed === 3), {});
  assertEquals([both.diverged, both.wins, both.losses, both.ties], [{ arm: 1, baseline: 1 }, 5, 0, 1]);
});

Deno.test("what was extended or broken off confirms nothing: its verdict says why, and is corrected with the others", () => {
  const cases: readonly (readonly [Partial<RunFacts>, boolean, string])[] = [
    [{ declared: { seeds: 5, epochs: 2 } }, true, "extended after looking"],
    [{ declared: { seeds: 6, epochs: 1 } }, true, "extended after looking"],
    [{}, false, "broken off"],
  ];
  const whole = toldReport(plan(6), areas({ gc: SIX }));
  for (const [changes, complete, why] of cases) {
    const { verdict, comparison: [first, ...others] } = toldReport(plan(6, changes), areas({ gc: SIX }), { complete });
    assertEquals([verdict.confirmatory, verdict.exploratoryBecause], [false, why]);
    assertEquals(verdict.sentence, `${why}, so exploratory: ${first!.verdict}`);
    assertEquals([first!.metric, first!.kind, others.filter(({ kind }) => kind === "confirmatory")], [
      "testAuc",
      "exploratory",
      [],
    ]);
    const judged = [first!, ...others].filter(({ metric }) => metric !== "seconds");
    assertEquals(first!.holmP, holm(judged.map(({ tP }) => tP!))[0]);
    assertEquals(first!.ci95, whole.comparison[0]!.ci95);
  }
});

Deno.test("--primary decides what the verdict is about, and which side of it is the good one", () => {
  const report = toldReport(
    plan(6, { primary: "testLoss" }),
    ({ arm, seed }) => told({ testLoss: 0.6 + seed / 100 - (arm === "gc" ? SIX[seed]! : 0) }),
  );
  assertEquals([report.verdict.primary, report.comparison[0]!.metric], ["testLoss", "testLoss"]);
  assertEquals([report.verdict.outcome, report.comparison[0]!.wins], ["better", 6]);
  assertStringIncludes(report.verdict.sentence, "its test loss is 0.035 lower");
  assertEquals(find(report, {}).kind, "exploratory");
});

Deno.test("fewer than six pairs are too few, and of one there is neither interval nor test", () => {
  const five = toldReport(plan(5), areas({ gc: SIX }));
  assertEquals([five.verdict.outcome, five.verdict.sentence], [
    "too few pairs",
    "too few pairs: 5, and the rule asks for 6",
  ]);
  const [one] = toldReport(plan(1), areas({ gc: SIX })).comparison;
  assertEquals([one!.pairs, one!.ci95, one!.tP, one!.signP, one!.leastDetectable], [1, null, null, null, null]);
  assertAlmostEquals(one!.meanDifference!, 0.01, 1e-12);
});

Deno.test("where nothing can be compared the verdict says why", () => {
  const sentence = (changes: Partial<RunFacts>, tell: (key: RunKey) => Told | undefined) => {
    const { verdict, comparison } = toldReport(plan(6, changes), tell);
    assertEquals(verdict.outcome, "not compared");
    assertEquals(comparison.filter(({ kind }) => kind === "confirmatory"), []);
    return verdict.sentence;
  };
  assertEquals(sentence({ arms: ["gc"] }, areas({})), "nothing is compared: there is one arm");
  const unknown = "nothing is compared: no two arms have come equally far, or their test AUC is not known";
  assertEquals(sentence({}, () => told({ testAuc: null })), unknown);
  assertEquals(sentence({}, () => undefined), unknown);
});

Deno.test("a metric that is not known of one training is not compared", () => {
  const report = toldReport(
    plan(2),
    ({ arm, seed }) => told({ seconds: arm === "gc" && seed === 1 ? null : 10, testAuc: seed === 0 ? null : 0.5 }),
  );
  assertEquals(report.comparison.map(({ metric }) => metric).toSorted(), [
    "accuracy",
    "loss",
    "testAccuracy",
    "testLoss",
  ]);
});

Deno.test("from ten pairs on there is a bootstrap of the seeds, and with logits one of seeds and test images", () => {
  const { labels } = DATASET.test;
  const logits = (arm: ArmName, seed: number) =>
    labels.map((label, i) => Math.sin(7 * i + 3 * seed + arm.length) + (arm === "gc" ? 1.5 : 1) * label);
  const tell = ({ arm, seed }: RunKey) => told({}, { testLogits: logits(arm, seed) });
  const report = toldReport(plan(10), tell);
  const { bca95, crossed95, ci95, meanDifference } = find(report, {});
  for (const interval of [bca95!, crossed95!, ci95!]) {
    assert(interval[0] < meanDifference! && meanDifference! < interval[1], `${interval}`);
  }
  const known = METRICS.filter((metric) => find(report, { metric }).crossed95 !== null);
  assertEquals(known, ["testAuc", "testLoss", "testAccuracy"]);
  assertEquals(toldReport(plan(9), tell).comparison.filter(({ bca95 }) => bca95 !== null), []);
  // Made once more, the same: intervals are drawn, and drawn alike.
  assertEquals(toldReport(plan(10), tell), report);
});

Deno.test("the crossed interval of accuracy and loss is of what the logits say, as the metrics are", () => {
  const { labels } = DATASET.test;
  const cross = (logit: number, label: number) => Math.log1p(Math.exp(label === 1 ? -logit : logit));
  const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;
  // In every pair all images differ alike, so whatever is drawn has the same difference.
  const before = labels.map((label) => label === 1 ? 0.5 : -0.5);
  const after = labels.map((label) => label === 1 ? -2 : 2);
  const report = toldReport(plan(6), ({ arm }) => told({}, { testLogits: arm === "gc" ? after : before }));
  const loss = mean(labels.map((label, i) => cross(after[i]!, label) - cross(before[i]!, label)));
  const [low, high] = find(report, { metric: "testLoss" }).crossed95!;
  assertAlmostEquals(low, loss, 1e-12);
  assertAlmostEquals(high, loss, 1e-12);
  assertEquals(find(report, { metric: "testAccuracy" }).crossed95, [-1, -1]);
  assertEquals(find(report, {}).crossed95, [-1, -1]);
});
