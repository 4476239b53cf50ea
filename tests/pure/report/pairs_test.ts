import { assertAlmostEquals, assertEquals } from "@std/assert";
import { ROLES, type RunKey, runName } from "../../../coordinator/events/mod.ts";
import {
  divergedOf,
  type Pair,
  pairReport,
  pairsOf,
  type Trained,
  valueOf,
} from "../../../coordinator/report/pairs.ts";
import { type ArmReport, METRICS, type PairReport } from "../../../coordinator/report/report.ts";
import { delong } from "../../../coordinator/statistics/mod.ts";
import { epochRecord } from "../../fixtures/events.ts";

const PLAN = { arms: ["no-gc", "gc", "gc-update"], defaultRate: 1e-4 } as const;
const LABELS = [0, 0, 0, 1, 1, 1];

/** A training of so many epochs. */
function trained(
  { arm, seed, learningRate = 1e-4, role }: RunKey,
  { epochs = 2, diverged = null, logits = [] }: {
    readonly epochs?: number;
    readonly diverged?: string | null;
    readonly logits?: readonly number[];
  } = {},
): Trained {
  const report: ArmReport = {
    arm,
    seed,
    learningRate: role === "lose" ? 0 : learningRate,
    role: role ?? null,
    weightsSha256: "a",
    initialWeightsSha256: "b",
    trainSeconds: 10 * epochs,
    epochs: Array.from({ length: epochs }, (_, i) => epochRecord(i + 1, { testLoss: 1 / (i + 1) })),
    bestEpoch: 1,
    diverged,
    confusion: null,
  };
  return { report, logits };
}

/** "gc-0 with no-gc-0": the names that trainings at these rates have. */
function names(pairs: readonly Pair[]): string[] {
  return pairs.map(({ baseline, other }) =>
    [other, baseline].map(({ report: { arm, seed, learningRate, role } }) =>
      runName({
        arm,
        seed,
        ...(learningRate === PLAN.defaultRate ? {} : { learningRate }),
        ...(role === null ? {} : { role }),
      })
    ).join(" with ")
  );
}

Deno.test("pairsOf(): every arm with the first one, of the same seed and rate", () => {
  const keys = [0, 1].flatMap((seed) =>
    [1e-4, 3e-4].flatMap((learningRate) => PLAN.arms.map((arm) => ({ arm, seed, learningRate })))
  );
  assertEquals(names(pairsOf(keys.map((key) => trained(key)), PLAN)).toSorted(), [
    "gc-0 with no-gc-0",
    "gc-0-0.0003 with no-gc-0-0.0003",
    "gc-1 with no-gc-1",
    "gc-1-0.0003 with no-gc-1-0.0003",
    "gc-update-0 with no-gc-0",
    "gc-update-0-0.0003 with no-gc-0-0.0003",
    "gc-update-1 with no-gc-1",
    "gc-update-1-0.0003 with no-gc-1-0.0003",
  ]);
});

Deno.test("pairsOf(): controls, and what goes on from another training, with the first arm at the default rate", () => {
  const all = [
    ...[1e-4, 3e-4].map((learningRate) => trained({ arm: "no-gc", seed: 0, learningRate })),
    trained({ arm: "no-gc", seed: 0, role: "again" }),
    trained({ arm: "no-gc", seed: 0, role: "lose" }),
    trained({ arm: "gc", seed: 0, role: "published" }),
  ];
  assertEquals(names(pairsOf(all, PLAN)), [
    "no-gc-0-again with no-gc-0",
    "no-gc-0-0-lose with no-gc-0",
    "gc-0-published with no-gc-0",
  ]);
});

Deno.test("pairsOf(): a training alone is in no pair, and whoever is behind the others of its kind adds none", () => {
  const [noGc, gc] = [{ arm: "no-gc", seed: 0 }, { arm: "gc", seed: 0 }] as const;
  assertEquals(names(pairsOf([trained(gc)], PLAN)), []);
  assertEquals(names(pairsOf([trained(noGc)], PLAN)), []);
  assertEquals(names(pairsOf([trained(noGc), trained({ ...gc, seed: 1 })], PLAN)), []);
  assertEquals(names(pairsOf([trained(noGc, { epochs: 2 }), trained(gc, { epochs: 1 })], PLAN)), []);
  assertEquals(names(pairsOf([trained(noGc, { epochs: 0 }), trained(gc, { epochs: 0 })], PLAN)), []);
  // Broken off in the second seed, where both arms have one epoch.
  const second = [trained({ ...noGc, seed: 1 }, { epochs: 1 }), trained({ ...gc, seed: 1 }, { epochs: 1 })];
  assertEquals(names(pairsOf(second, PLAN)), ["gc-1 with no-gc-1"]);
  assertEquals(names(pairsOf([trained(noGc), trained(gc), ...second], PLAN)), ["gc-0 with no-gc-0"]);
});

Deno.test("pairsOf(): one that has diverged is in a pair, however far the two have come", () => {
  const lost = { diverged: "It is lost", epochs: 1 };
  const cases: readonly (readonly [Parameters<typeof trained>[1], Parameters<typeof trained>[1], string])[] = [
    [lost, {}, "baseline"],
    [{}, { ...lost, epochs: 0 }, "arm"],
    [lost, lost, "both"],
  ];
  for (const [a, b, which] of cases) {
    const pairs = pairsOf([trained({ arm: "no-gc", seed: 0 }, a), trained({ arm: "gc", seed: 0 }, b)], PLAN);
    assertEquals(pairs.map(divergedOf), [which as PairReport["diverged"]]);
  }
});

Deno.test("valueOf() is a figure of the last epoch, or the seconds of all; none of a training that has diverged", () => {
  const { report } = trained({ arm: "gc", seed: 0 });
  assertEquals([valueOf(report, "testLoss"), valueOf(report, "seconds")], [0.5, 20]);
  assertEquals(METRICS.filter((metric) => valueOf({ ...report, diverged: "!" }, metric) !== null), []);
  assertEquals(METRICS.filter((metric) => valueOf({ ...report, epochs: [] }, metric) !== null), ["seconds"]);
  assertEquals(valueOf({ ...report, trainSeconds: null }, "seconds"), null);
});

Deno.test("pairReport() has both values of each metric, and DeLong's test of the two areas", () => {
  const [before, after] = [[0, 1, 2, 1.5, 3, 4], [0, 1, 2, 3, 4, 5]];
  const pair = (changes: Partial<ArmReport> = {}): Pair => {
    const other = trained({ arm: "gc", seed: 7, role: ROLES[2] }, { logits: after });
    return {
      baseline: trained({ arm: "no-gc", seed: 7 }, { logits: before }),
      other: { ...other, report: { ...other.report, ...changes } },
    };
  };
  const { seed, learningRate, baseline, arm, role, values, diverged, delong: test } = pairReport(pair(), LABELS);
  assertEquals([seed, learningRate, baseline, arm, role], [7, 1e-4, "no-gc", "gc", "published"]);
  assertEquals([values.testLoss, values.seconds, diverged], [[0.5, 0.5], [20, 20], null]);
  assertEquals(Object.keys(values), [...METRICS]);
  assertEquals(test, delong(before, after, LABELS));
  assertAlmostEquals(test!.difference, 1 / 9, 1e-12);
  // Without ranks, or with one that has diverged, there is no such test.
  const lost = pairReport(pair({ diverged: "!" }), LABELS);
  assertEquals([lost.values.testLoss, lost.diverged, lost.delong], [[0.5, null], "arm", null]);
  assertEquals(pairReport(pair(), [...LABELS, 1]).delong, null);
  assertEquals(pairReport(pair({ epochs: [epochRecord(1, { testAuc: null })] }), LABELS).delong, null);
});
