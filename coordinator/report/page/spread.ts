// Mean and Student's 95 % interval of a handful of values, for what the charts show beside the comparisons.
import { type Interval, pairedSummary } from "../../statistics/mod.ts";

/** A mean with its interval; fewer than two values have none. */
export interface Spread {
  readonly count: number;
  readonly mean: number;
  readonly ci95: Interval | null;
}

/** The mean of values, and Student's t interval of it: that of paired differences is the same. */
export function spreadOf(values: readonly number[]): Spread {
  const { mean, ci95 } = pairedSummary(values);
  return { count: values.length, mean, ci95 };
}

/**
 * An end of an interval as it is drawn: no area, accuracy or probability is below 0 or above 1, though a t interval
 * may be.
 */
export function withinBounds(metric: string, value: number): number {
  return /auc|accuracy|probability/i.test(metric) ? Math.min(1, Math.max(0, value)) : value;
}
