// The rule by which a comparison is judged. It stands before the run and is printed then.
import { type PairedSummary, pairedSummary } from "./paired.ts";
import { signTest } from "./sign_test.ts";

/**
 * With fewer pairs even a clean sweep is no evidence by the sign test: five of five have p = 0.0625, six of six 0.031.
 */
export const LEAST_PAIRS = 6;
/** The level of every test. */
const LEVEL = 0.05;

/** The rule, in sentences. */
export const RULE: string =
  `An arm is called better or worse from ${LEAST_PAIRS} pairs on, if Student's 95 % t interval of the mean paired ` +
  "difference excludes 0; a comparison that was not fixed before also needs p < 0.05 after Holm's correction. " +
  "Otherwise there is no evidence either way, and the difference is told that so many pairs would have found with " +
  "80 % power. If a training diverged, mean and interval are withheld, and the sign test counts it as a loss.";

/** What is to be judged, in words and figures. */
export interface Question {
  /** The arm in words: "gc" */
  readonly arm: string;
  /** What it is compared with, in words: "no-gc" */
  readonly baseline: string;
  /** What is compared, in words: "test AUC" */
  readonly metric: string;
  /** Which side of the metric is the good one. */
  readonly better: "higher" | "lower";
  /** Arm minus baseline, one a pair; null where one of the two diverged. */
  readonly differences: readonly (number | null)[];
  /** Pairs of which the arm diverged, and of which the baseline did; of which both did, in either. */
  readonly diverged: { readonly arm: number; readonly baseline: number };
  /** The t test's p after Holm's correction; null for the comparison that was fixed before. */
  readonly holmP: number | null;
}

/** What the rule says. */
export interface Judgement {
  /** "no evidence" is none either way: not that the arms are equal. */
  readonly outcome: "better" | "worse" | "no evidence" | "too few pairs" | "withheld";
  /** The outcome in a sentence, without a capital and a full stop. */
  readonly sentence: string;
  /** Mean, interval and test; null where they are withheld. */
  readonly summary: PairedSummary | null;
  /** Why they are, in words; null if they are not. */
  readonly withheld: string | null;
  /** Pairs in which the arm was better, or the baseline alone diverged. */
  readonly wins: number;
  /** Pairs in which it was worse, or alone diverged. */
  readonly losses: number;
  /** Pairs in which they were equal, or both diverged. */
  readonly ties: number;
  /** Of the exact two-sided sign test. */
  readonly signP: number;
}

/**
 * Judges a comparison by the rule.
 * @throws {RangeError} if there are more or fewer missing differences than the diverged trainings can account for
 */
export function judge(question: Question): Judgement {
  const counts = countSigns(question);
  const signed = { ...counts, signP: signTest(counts.wins, counts.losses) };
  const { differences } = question;
  const known = differences.filter((one) => one !== null);
  if (known.length < differences.length) {
    const withheld = describeDivergence(question);
    const { wins, losses, signP } = signed;
    const sentence =
      `${withheld}, so mean and interval are withheld: ${question.arm} was better in ${wins} and worse in ` +
      `${losses} (${formatP(signP)} by the sign test)`;
    return { outcome: "withheld", sentence, summary: null, withheld, ...signed };
  }
  const summary = pairedSummary(known);
  return { ...verdictOf(question, summary), summary, withheld: null, ...signed };
}

/** Wins, losses and ties, with trainings that diverged. */
function countSigns({ differences, better, diverged }: Question): { wins: number; losses: number; ties: number } {
  const missing = differences.filter((one) => one === null).length;
  const both = diverged.arm + diverged.baseline - missing;
  if (both < 0 || both > Math.min(diverged.arm, diverged.baseline)) {
    const { arm, baseline } = diverged;
    throw new RangeError(`Cannot lack ${missing} differences where ${arm} and ${baseline} trainings diverged`);
  }
  const count = (sign: number) => differences.filter((one) => one !== null && Math.sign(one) === sign).length;
  const good = better === "higher" ? 1 : -1;
  return {
    wins: count(good) + diverged.baseline - both,
    losses: count(-good) + diverged.arm - both,
    ties: differences.length - missing - count(1) - count(-1) + both,
  };
}

/** "gc diverged in 2 and no-gc in 1 of 10 pairs" */
function describeDivergence({ arm, baseline, diverged, differences }: Question): string {
  const pairs = `of ${differences.length} pairs`;
  if (diverged.baseline === 0) return `${arm} diverged in ${diverged.arm} ${pairs}`;
  if (diverged.arm === 0) return `${baseline} diverged in ${diverged.baseline} ${pairs}`;
  return `${arm} diverged in ${diverged.arm} and ${baseline} in ${diverged.baseline} ${pairs}`;
}

/** What whole pairs allow to say. */
function verdictOf(question: Question, summary: PairedSummary): Pick<Judgement, "outcome" | "sentence"> {
  const { arm, baseline, metric, better, differences: { length: pairs }, holmP } = question;
  const { mean, ci95, deviation, leastDetectable } = summary;
  if (pairs < LEAST_PAIRS || ci95 === null) {
    return { outcome: "too few pairs", sentence: `too few pairs: ${pairs}, and the rule asks for ${LEAST_PAIRS}` };
  }
  const [low, high] = ci95;
  if (low <= 0 && high >= 0) {
    const why = leastDetectable === null
      ? `all ${pairs} pairs are equal in ${metric}`
      : `with ${pairs} pairs only a difference above ${significant(leastDetectable)} in ${metric} would have shown`;
    return { outcome: "no evidence", sentence: `no evidence either way: ${why}` };
  }
  if (holmP !== null && holmP >= LEVEL) {
    const why = `${formatP(holmP)} in ${metric} after Holm's correction for all exploratory comparisons`;
    return { outcome: "no evidence", sentence: `no evidence either way: ${why}` };
  }
  const side = mean > 0 ? "higher" : "lower";
  const outcome = side === better ? "better" : "worse";
  const decimals = decimalsOf(deviation === 0 ? mean : (high - low) / 2);
  const figure = (value: number) => value.toFixed(decimals).replace("-", "−");
  const how = deviation === 0
    ? `in each of ${pairs} pairs`
    : `in the mean of ${pairs} pairs (95 % interval of the difference ${figure(low)} to ${figure(high)})`;
  const sentence = `${arm} is ${outcome} than ${baseline}: its ${metric} is ${figure(Math.abs(mean))} ${side} ${how}`;
  return { outcome, sentence };
}

/** Decimals that show two digits of a value. */
function decimalsOf(value: number): number {
  const exponent = Number(value.toExponential(1).split("e")[1]);
  return Math.min(12, Math.max(0, 1 - exponent));
}

/** A value to two digits, never as a power of ten. */
const significant = (value: number) => value.toFixed(decimalsOf(value));

/** "p = 0.031" */
function formatP(p: number): string {
  return p < 0.001 ? "p < 0.001" : `p = ${significant(p)}`;
}
