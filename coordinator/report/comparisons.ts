// What the pairs of an experiment say, metric by metric, and the verdict. One comparison was fixed before the run: the first two
// arms, the default rate, the primary metric. Everything else is exploratory, and corrected for their number.
import { isHigherBetter, type PrimaryMetric } from "../events/mod.ts";
import {
  aucByCounts,
  bcaInterval,
  crossedInterval,
  holm,
  judge,
  type Judgement,
  meanByCounts,
  pairedSummary,
  type Prepared,
  RULE,
} from "../statistics/mod.ts";
import { contrastName, divergedOf, type Pair, valueOf } from "./pairs.ts";
import { type Comparison, type Metric, METRICS, type Plan, type Verdict } from "./report.ts";
import { describeMetric } from "./wording.ts";

/** One metric of the pairs of an arm at a rate. */
interface Contrast {
  readonly metric: Metric;
  readonly kind: Comparison["kind"];
  /** Whether it was fixed before; in a run that did something else than was declared it confirms nothing either. */
  readonly isFixed: boolean;
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
 * @param labels of the test images, which are of so many classes
 * @param exploratoryBecause why nothing is confirmed by this run, in a few words; "" if it may be
 */
export function judgeAll(
  pairs: readonly Pair[],
  { plan, primary, labels, classes, exploratoryBecause }: {
    readonly plan: Plan;
    readonly primary: PrimaryMetric;
    readonly labels: readonly number[];
    readonly classes: number;
    readonly exploratoryBecause: string;
  },
): { readonly comparison: Comparison[]; readonly verdict: Verdict } {
  const confirmatory = exploratoryBecause === "";
  const contrasts = contrastsOf(pairs, { plan, primary, confirmatory });
  // Seconds are told and not judged: another run has others, and what is said of the rest must not depend on them.
  const family = contrasts.filter(({ kind, metric }) => kind === "exploratory" && metric !== "seconds");
  const exploratory = family.flatMap((contrast) => {
    const p = tTestOf(contrast);
    return p === null ? [] : [{ contrast, p }];
  });
  const corrected = holm(exploratory.map(({ p }) => p));
  const judged = contrasts.map((contrast) => {
    const at = exploratory.findIndex((one) => one.contrast === contrast);
    return judgeOne(contrast, { labels, classes, holmP: corrected[at] ?? null });
  });
  const fixed = judged[contrasts.findIndex(({ isFixed }) => isFixed)];
  const common = { rule: RULE, primary, confirmatory, exploratoryBecause };
  const found = fixed?.comparison.verdict ??
    `nothing is compared: ${whyNothing(plan, describeMetric(primary, classes))}`;
  const sentence = confirmatory ? found : `${exploratoryBecause}, so exploratory: ${found}`;
  return {
    comparison: judged.map(({ comparison }) => comparison),
    verdict: { outcome: fixed?.outcome ?? "not compared", sentence, ...common },
  };
}

/** Every metric that is known of all pairs of an arm at a rate, the confirmatory one first. */
function contrastsOf(
  pairs: readonly Pair[],
  { plan, primary, confirmatory }: {
    readonly plan: Plan;
    readonly primary: PrimaryMetric;
    readonly confirmatory: boolean;
  },
): Contrast[] {
  const groups = Map.groupBy(pairs, ({ other }) => contrastName(other.report));
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
      const { arm, learningRate, role } = pairs[0]!.other.report;
      const isFixed = role === null && metric === primary && arm === plan.arms[1] &&
        learningRate === plan.learningRates[0];
      const kind = role === "published"
        ? "artefact"
        : role !== null
        ? "control"
        : isFixed && confirmatory
        ? "confirmatory"
        : "exploratory";
      return [{ metric, kind, isFixed, pairs, differences }];
    })
  );
  return [...all.filter(({ isFixed }) => isFixed), ...all.filter(({ isFixed }) => !isFixed)];
}

/** Why there is no comparison of the kind that was fixed before. */
function whyNothing({ arms }: Plan, metric: string): string {
  if (arms.length < 2) return "there is one arm";
  return `no two arms have come equally far, or their ${metric} is not known`;
}

/** The p of the t test; null where a training diverged, or for too few pairs. */
function tTestOf({ differences }: Contrast): number | null {
  return differences.includes(null) ? null : pairedSummary(differences as number[]).tP;
}

function judgeOne(
  { metric, kind, pairs, differences }: Contrast,
  { labels, classes, holmP }: {
    readonly labels: readonly number[];
    readonly classes: number;
    readonly holmP: number | null;
  },
): Judged {
  const { baseline: { report: { arm: baseline } }, other: { report: { arm, learningRate, role } } } = pairs[0]!;
  const count = (which: "arm" | "baseline") =>
    pairs.filter((pair) => [which, "both"].includes(divergedOf(pair) ?? "")).length;
  const diverged = { arm: count("arm"), baseline: count("baseline") };
  const better = isHigherBetter(metric) ? "higher" : "lower";
  const judgement = judge({
    arm,
    baseline,
    metric: describeMetric(metric, classes),
    better,
    differences,
    diverged,
    holmP,
  });
  const { outcome, summary, withheld, wins, losses, ties, signP } = judgement;
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
    crossed95: summary === null ? null : crossedOf(metric, pairs, labels),
    effectSize: summary?.effectSize ?? null,
    wins,
    losses,
    ties,
    signP: pairs.length < 2 ? null : signP,
    tP: summary?.tP ?? null,
    holmP,
    leastDetectable: summary?.leastDetectable ?? null,
    withheld,
    verdict: sentenceOf({ kind, role, metric }, judgement),
  };
  return { comparison, outcome };
}

/** What is said of a comparison; controls, artefacts and times are shown, and neither pass nor fail. */
function sentenceOf(
  { kind, role, metric }: Pick<Comparison, "kind" | "role" | "metric">,
  { sentence, wins, losses, ties }: Judgement,
): string {
  if (kind === "artefact") return "what this protocol shows, not judged";
  if (kind !== "control") return metric === "seconds" ? "a time of this machine, not judged" : sentence;
  const counts = `better in ${wins}, worse in ${losses} of ${wins + losses + ties}`;
  return role === "lose" ? `must lose: ${counts}` : `the same arm, not judged: ${counts}`;
}

/** How the metrics of the test images follow from their logits, for the bootstrap. */
const BY_IMAGES: Partial<Record<Metric, Prepared>> = {
  testAuc: aucByCounts,
  testAccuracy: meanByCounts((logit, label) => (logit > 0 ? 1 : 0) === label ? 1 : 0),
  // As worker/loss.ts has it, without an overflow.
  testLoss: meanByCounts((logit, label) => Math.max(logit, 0) - logit * label + Math.log1p(Math.exp(-Math.abs(logit)))),
};

/** The interval over seeds and test images; null for other metrics, fewer than two pairs, and more than two classes. */
function crossedOf(metric: Metric, pairs: readonly Pair[], labels: readonly number[]): Comparison["crossed95"] {
  const prepared = BY_IMAGES[metric];
  if (prepared === undefined || pairs.length < 2) return null;
  if (pairs.some(({ baseline, other }) => [baseline, other].some(({ logits }) => logits.length !== labels.length))) {
    return null;
  }
  const scores = pairs.map(({ baseline, other }) => ({ baseline: baseline.logits, arm: other.logits }));
  return crossedInterval({ pairs: scores, labels, metric: prepared });
}
