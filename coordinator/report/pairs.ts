// Pairs of trainings that differ in one thing alone: what an experiment compares.
import type { ArmName } from "../events/mod.ts";
import { delong } from "../statistics/mod.ts";
import { type ArmReport, type Metric, METRICS, type PairReport } from "./report.ts";

/** A training, and what its last weights say of the test images. */
export interface Trained {
  readonly report: ArmReport;
  /** One a test image for two classes; others have no ranking. */
  readonly logits: readonly number[];
}

/** Two trainings of a seed. */
export interface Pair {
  readonly baseline: Trained;
  readonly other: Trained;
}

/**
 * Every training beside the one that it is compared with: the first arm's with the same seed and rate, for controls and for
 * what goes on from another training the one at the default rate. Both have come as far as any of their arm and rate, or one
 * has diverged: what is broken off in the middle of a seed adds no pair that is behind the others.
 * @param arms as the plan names them
 */
export function pairsOf(
  trained: readonly Trained[],
  { arms: [first], defaultRate }: { readonly arms: readonly ArmName[]; readonly defaultRate: number },
): Pair[] {
  const all = trained.flatMap((other): Pair[] => {
    const { arm, seed, role, learningRate } = other.report;
    if (role === null && arm === first) return [];
    const rate = role === null ? learningRate : defaultRate;
    const baseline = trained.find(({ report }) =>
      report.role === null && report.arm === first && report.seed === seed && report.learningRate === rate
    );
    return baseline === undefined ? [] : [{ baseline, other }];
  });
  return [...Map.groupBy(all, ({ other }) => contrastName(other.report)).values()].flatMap((group) => {
    const lengths = group.filter(isWhole).map(({ other }) => other.report.epochs.length);
    const most = Math.max(0, ...lengths);
    return group.filter((pair) =>
      divergedOf(pair) !== null || (isWhole(pair) && most > 0 && pair.other.report.epochs.length === most)
    );
  });
}

/** The same for all trainings of an arm at a rate, whatever the seed. */
export function contrastName({ arm, learningRate, role }: ArmReport): string {
  return [arm, learningRate, role].join(" ");
}

function isWhole(pair: Pair): boolean {
  const { baseline: { report: a }, other: { report: b } } = pair;
  return divergedOf(pair) === null && a.epochs.length === b.epochs.length;
}

/** Which of a pair diverged. */
export function divergedOf({ baseline, other }: Pair): PairReport["diverged"] {
  const [a, b] = [baseline.report.diverged !== null, other.report.diverged !== null];
  if (a && b) return "both";
  return a ? "baseline" : b ? "arm" : null;
}

/** A metric of a training's last epoch; null if it is not known, or if the training diverged. */
export function valueOf({ epochs, trainSeconds, diverged }: ArmReport, metric: Metric): number | null {
  if (diverged !== null) return null;
  if (metric === "seconds") return trainSeconds;
  return epochs.at(-1)?.[metric] ?? null;
}

/** A pair as the report lists it. */
export function pairReport(pair: Pair, labels: readonly number[]): PairReport {
  const { baseline: { report: baseline, logits: before }, other: { report: other, logits: after } } = pair;
  const { seed, learningRate, arm, role } = other;
  const values = METRICS.map((metric) => [metric, [valueOf(baseline, metric), valueOf(other, metric)]] as const);
  const diverged = divergedOf(pair);
  const hasRanking = diverged === null && [before, after].every(({ length }) => length > 0 && length === labels.length);
  return {
    seed,
    learningRate,
    baseline: baseline.arm,
    arm,
    role,
    values: Object.fromEntries(values) as unknown as PairReport["values"],
    diverged,
    delong: hasRanking && valueOf(other, "testAuc") !== null ? delong(before, after, labels) : null,
  };
}
