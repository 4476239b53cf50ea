// The mean of paired differences, by Student's t.
import type { Interval } from "./interval.ts";
import { leastEffect } from "./power.ts";
import { tQuantile, tTwoSidedP } from "./student_t.ts";

/** What paired differences say of their mean. */
export interface PairedSummary {
  /** NaN of no differences. */
  readonly mean: number;
  /**
   * Standard deviation of the sample (by n − 1), exactly 0 where all are equal up to rounding; null for fewer than two.
   */
  readonly deviation: number | null;
  /** Student's t interval of the mean; null for fewer than two. */
  readonly ci95: Interval | null;
  /** Cohen's d_z, mean by standard deviation; null for fewer than two, or where the deviation is 0. */
  readonly effectSize: number | null;
  /**
   * Of the paired t test, two-sided; null for fewer than two. Where the deviation is 0, 1 if the mean is 0 too, else 0.
   */
  readonly tP: number | null;
  /**
   * The mean difference that so many pairs with this standard deviation find with 80 % power at 5 %; null for fewer
   * than two, or where the deviation is 0, which says nothing of it. The deviation is an estimate itself, and so is
   * this.
   */
  readonly leastDetectable: number | null;
}

/** Differences that are this much alike, as part of their mean, differ by rounding alone. */
const ROUNDING = 1e-9;

/** Mean, interval and test of differences, one a pair. */
export function pairedSummary(differences: readonly number[]): PairedSummary {
  const n = differences.length;
  const { mean, squares } = momentsOf(differences);
  if (n < 2) return { mean, deviation: null, ci95: null, effectSize: null, tP: null, leastDetectable: null };
  const estimate = Math.sqrt(squares / (n - 1));
  if (estimate <= ROUNDING * Math.abs(mean)) {
    const tP = mean === 0 ? 1 : 0;
    return { mean, deviation: 0, ci95: [mean, mean], effectSize: null, tP, leastDetectable: null };
  }
  const margin = quantile975(n - 1) * estimate / Math.sqrt(n);
  const effectSize = mean / estimate;
  return {
    mean,
    deviation: estimate,
    ci95: [mean - margin, mean + margin],
    effectSize,
    tP: tTwoSidedP(effectSize * Math.sqrt(n), n - 1),
    leastDetectable: leastEffect(n) * estimate,
  };
}

/** The mean, and the sum of the squares of what the values differ from it. */
function momentsOf(values: readonly number[]): { readonly mean: number; readonly squares: number } {
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  return { mean, squares: values.reduce((sum, value) => sum + (value - mean) * (value - mean), 0) };
}

const known = new Map<number, number>();

/** The 0.975 quantile of t, computed once for each number of degrees of freedom. */
function quantile975(freedom: number): number {
  const quantile = known.get(freedom) ?? tQuantile(0.975, freedom);
  known.set(freedom, quantile);
  return quantile;
}
