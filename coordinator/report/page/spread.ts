// Mean and Student's 95 % interval of a handful of values, for what the charts show beside the comparisons.
import type { Interval } from "../report.ts";
import { mean } from "./figures.ts";

/** A mean with its interval; fewer than two values have none. */
export interface Spread {
  readonly count: number;
  readonly mean: number;
  readonly ci95: Interval | null;
}

/** The mean of at least one value, and Student's t interval of it. */
export function spreadOf(values: readonly number[]): Spread {
  const count = values.length;
  const middle = mean(values);
  if (count < 2) return { count, mean: middle, ci95: null };
  const variance = values.reduce((sum, value) => sum + (value - middle) ** 2, 0) / (count - 1);
  const half = t975(count - 1) * Math.sqrt(variance / count);
  return { count, mean: middle, ci95: [middle - half, middle + half] };
}

/** The 97.5 % point of Student's t with whole degrees of freedom, by bisection. */
export function t975(degrees: number): number {
  let [low, high] = [0, 13];
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2;
    if (withinT(middle, degrees) < 0.95) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** P(|T| < t) in closed form for whole degrees of freedom (Abramowitz and Stegun, 26.7.3 and 26.7.4). */
function withinT(t: number, degrees: number): number {
  const angle = Math.atan(t / Math.sqrt(degrees));
  const [sine, square] = [Math.sin(angle), Math.cos(angle) ** 2];
  const isOdd = degrees % 2 === 1;
  let term = isOdd ? Math.cos(angle) : 1;
  let sum = degrees === 1 ? 0 : term;
  for (let k = isOdd ? 3 : 2; k < degrees; k += 2) sum += term *= square * (k - 1) / k;
  return isOdd ? 2 / Math.PI * (angle + sine * sum) : sine * sum;
}
