// What the pairs of an experiment say, metric by metric, and the verdict. One comparison was fixed before the run: the first two
// arms, the default rate, the primary metric. Everything else is exploratory, and corrected for their number.
import { isHigherBetter, type PrimaryMetric } from "../events/mod.ts";
import { aucByCounts, bcaInterval, crossedInterval, holm, judge, pairedSummary, RULE } from "../statistics/mod.ts";
import { divergedOf, type Pair, valueOf } from "./pairs.ts";
import { type Comparison, type Metric, METRICS, type Plan, type Verdict } from "./report.ts";
import { describeMetric } from "./wording.ts";

/** One metric of the pairs of an arm at a rate. */
interface Contrast {
  readonly metric: Metric;
  readonly kind: Comparison["kind"];
  readonly pairs: readonly Pair[];
  /** Arm minus baseline, one a pair; null where one of the two diverged. */
  readonly differences: readonly (number | null)[];
}

/** What the rule says of a contrast, and of what kind it is. */
interface Judged {
  readonly comparison: Comparison;
  readonly outcome: Verdict["outcome"];
}

/**
 * All comparisons of a plan, the confirmatory one first, and the verdict that follows from that.
 * @param labels of the test images
 * @param exploratoryBecause why nothing is confirmed by this run, in a few words; "" if it may be
 */
export function judgeAll(
  pairs: readonly Pair[],
  { plan, primary, labels, exploratoryBecause }: {
    readonly plan: Plan;
    readonly primary: PrimaryMetric;
    readonly labels: readonly number[];
    readonly exploratoryBecause: string;
  },
): { readonly comparison: Comparison[]; readonly verdict: Verdict } {
  const contrasts = contrastsOf(pairs, { plan, primary });
  const exploratory = contrasts.filter(({ kind, metric }) => kind === "exploratory" && metric !== "seconds")
    .flatMap((contrast) => {
      const p = tTestOf(contrast);
      return p === null ? [] : [{ contrast, p }];
    });
  const corrected = holm(exploratory.map(({ p }) => p));
  const judged = contrasts.map((contrast) => {
    const at = exploratory.findIndex((one) => one.contrast === contrast);
    return judgeOne(contrast, { labels, holmP: corrected[at] ?? null });
  });
  const fixed = judged.find(({ comparison }) => comparison.kind === "confirmatory");
  const confirmatory = exploratoryBecause === "";
  const common = { rule: RULE, primary, confirmatory, exploratoryBecause };
  const sentence = fixed?.comparison.verdict ?? "nothing is compared: no two arms have come equally far";
  return {
    comparison: judged.map(({ comparison }) => comparison),
    verdict: { outcome: fixed?.outcome ?? "not compared", sentence, ...common },
  };
}

/** Every metric that is known of all pairs of an arm at a rate, the confirmatory one first. */
function contrastsOf(
  pairs: readonly Pair[],
  { plan, primary }: { readonly plan: Plan; readonly primary: PrimaryMetric },
): Contrast[] {
  const groups = Map.groupBy(
    pairs,
    ({ other: { report: { arm, learningRate, role } } }) => [arm, learningRate, role].join(" "),
  );
  const metrics = [primary, ...METRICS.filter((metric) => metric !== primary)];
  const all = [...groups.values()].flatMap((pairs) =>
    metrics.flatMap((metric): Contrast[] => {
      // The original example compared training metrics alone.
      if (pairs[0]!.other.report.role === "published" && metric.startsWith("test")) return [];
      const whole = pairs.filter((pair) => divergedOf(pair) === null);
      const isKnown = whole.every(({ baseline, other }) =>
        valueOf(baseline.report, metric) !== null && valueOf(other.report, metric) !== null
      );
      if (!isKnown) return [];
      const differences = pairs.map((pair) =>
        whole.includes(pair) ? valueOf(pair.other.report, metric)! - valueOf(pair.baseline.report, metric)! : null
      );
      return [{ metric, kind: kindOf(pairs[0]!, metric, { plan, primary }), pairs, differences }];
    })
  );
  const isFixed = ({ kind }: Contrast) => kind === "confirmatory";
  return [...all.filter(isFixed), ...all.filter((one) => !isFixed(one))];
}

function kindOf(
  { other: { report: { arm, learningRate, role } } }: Pair,
  metric: Metric,
  { plan, primary }: { readonly plan: Plan; readonly primary: PrimaryMetric },
): Comparison["kind"] {
  if (role === "published") return "artefact";
  if (role !== null) return "control";
  const isFixed = metric === primary && arm === plan.arms[1] && learningRate === plan.learningRates[0];
  return isFixed ? "confirmatory" : "exploratory";
}

/** The p of the t test; null where a training diverged, or for too few pairs. */
function tTestOf({ differences }: Contrast): number | null {
  return differences.includes(null) ? null : pairedSummary(differences as number[]).tP;
}

function judgeOne(
  { metric, kind, pairs, differences }: Contrast,
  { labels, holmP }: { readonly labels: readonly number[]; readonly holmP: number | null },
): Judged {
  const { baseline: { report: { arm: baseline } }, other: { report: { arm, learningRate, role } } } = pairs[0]!;
  const count = (which: "arm" | "baseline") =>
    pairs.filter((pair) => [which, "both"].includes(divergedOf(pair) ?? "")).length;
  const diverged = { arm: count("arm"), baseline: count("baseline") };
  const better = isHigherBetter(metric) ? "higher" : "lower";
  const judgement = judge({ arm, baseline, metric: describeMetric(metric), better, differences, diverged, holmP });
  const { outcome, sentence, summary, withheld, wins, losses, ties, signP } = judgement;
  const comparison: Comparison = {
    metric,
    baseline,
    arm,
    learningRate,
    role,
    kind,
    pairs: pairs.length,
    diverged,
    meanDifference: summary?.mean ?? null,
    ci95: summary?.ci95 ?? null,
    bca95: summary === null ? null : bcaInterval(differences as number[]),
    crossed95: summary === null || metric !== "testAuc" ? null : crossedOf(pairs, labels),
    effectSize: summary?.effectSize ?? null,
    wins,
    losses,
    ties,
    signP: pairs.length < 2 ? null : signP,
    tP: summary?.tP ?? null,
    holmP,
    leastDetectable: summary?.leastDetectable ?? null,
    withheld,
    verdict: sentence,
  };
  return { comparison, outcome };
}

function crossedOf(pairs: readonly Pair[], labels: readonly number[]): Comparison["crossed95"] {
  if (pairs.length < 2 || pairs.some(({ other }) => other.logits.length !== labels.length)) return null;
  const scores = pairs.map(({ baseline, other }) => ({ baseline: baseline.logits, arm: other.logits }));
  return crossedInterval({ pairs: scores, labels, metric: aucByCounts });
}
