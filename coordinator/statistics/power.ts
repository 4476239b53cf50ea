// What a paired t test can find: its power, and the least effect that it finds four times out of five.
import { exp } from "./elementary.ts";
import { normalCdf } from "./normal.ts";
import { incompleteBeta, logGamma, tQuantile } from "./student_t.ts";

/** The power that an experiment is asked for. */
export const POWER = 0.8;

/**
 * P(T ≤ t) of the noncentral t distribution, for t ≥ 0, |shift| ≤ 35, and as many degrees of freedom as student_t.ts
 * can do. By the series of Guenther (1978) that Lenth's AS 243 sums (Appl. Stat. 38, 1989).
 */
export function noncentralTCdf(t: number, freedom: number, shift: number): number {
  const x = t * t / (freedom + t * t);
  const half = shift * shift / 2;
  let poisson = exp(-half);
  let other = shift * exp(-half - logGamma(1.5)) / Math.SQRT2;
  let sum = 0;
  // Poisson weights: from ten deviations above their mean on, nothing is left.
  const terms = Math.ceil(half + 10 * Math.sqrt(half) + 40);
  for (let j = 0; j < terms; j++) {
    sum += poisson * incompleteBeta(x, j + 0.5, freedom / 2) + other * incompleteBeta(x, j + 1, freedom / 2);
    poisson *= half / (j + 1);
    other *= half / (j + 1.5);
  }
  return normalCdf(-shift) + sum / 2;
}

/**
 * The chance that a two-sided t test at 5 % of so many pairs finds an effect.
 * @param effect mean of the differences by their standard deviation (d_z)
 */
export function pairedPower(pairs: number, effect: number): number {
  return powerOf(effect * Math.sqrt(pairs), pairs - 1, tQuantile(0.975, pairs - 1));
}

function powerOf(shift: number, freedom: number, critical: number): number {
  // On the wrong side: P(T < −c) with a shift is P(T > c) with its opposite.
  return 2 - noncentralTCdf(critical, freedom, shift) - noncentralTCdf(critical, freedom, -shift);
}

/** Two pairs, which need the largest, are found from a shift of 16.34 on. */
const LARGEST_SHIFT = 17;

const known = new Map<number, number>();

/**
 * The least d_z that so many pairs find with a chance of POWER: a two-sided paired t test at 5 %, by the noncentral t
 * distribution, to about 1e-12. ∞ for fewer than two pairs.
 */
export function leastEffect(pairs: number): number {
  if (pairs < 2) return Infinity;
  const before = known.get(pairs);
  if (before !== undefined) return before;
  const critical = tQuantile(0.975, pairs - 1);
  let [low, high] = [0, LARGEST_SHIFT];
  while (high - low > 1e-13 * high) {
    const middle = (low + high) / 2;
    if (powerOf(middle, pairs - 1, critical) < POWER) low = middle;
    else high = middle;
  }
  const effect = high / Math.sqrt(pairs);
  known.set(pairs, effect);
  return effect;
}
