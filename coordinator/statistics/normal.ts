// The standard normal distribution.
import { exp, log } from "./elementary.ts";

const SQRT_2_PI = 2.5066282746310002;
/** From here on the tail is computed by itself, and not as what the middle leaves. */
const TAIL = 2.5;

/** The density at z. */
export function normalDensity(z: number): number {
  return exp(-z * z / 2) / SQRT_2_PI;
}

/**
 * P(Z ≤ z), to about 1e-15, and in the tails to about 1e-14 of itself. By the series of positive terms that Marsaglia
 * gives ("Evaluating the Normal Distribution", J. Stat. Softw. 11(4), 2004), in the tails by Laplace's continued
 * fraction.
 */
export function normalCdf(z: number): number {
  if (Number.isNaN(z)) return NaN;
  if (z > TAIL) return 1 - upperTail(z);
  if (z < -TAIL) return upperTail(-z);
  let term = z;
  let sum = z;
  for (let i = 3; sum + term !== sum; i += 2) {
    term *= z * z / i;
    sum += term;
  }
  return 0.5 + normalDensity(z) * sum;
}

/** P(Z > z) for z > TAIL: φ(z)/(z + 1/(z + 2/(z + 3/(z + …)))). */
function upperTail(z: number): number {
  if (z > 40) return 0;
  let fraction = z;
  // So many terms are enough at z = TAIL, and further out fewer would be.
  for (let i = 150; i > 0; i--) fraction = z + i / fraction;
  return normalDensity(z) / fraction;
}

/**
 * The z with P(Z ≤ z) = p; −∞ at 0, ∞ at 1, NaN outside; for tails down to 1e-300. By Newton's method on ln P, which is
 * nearly a parabola.
 */
export function normalQuantile(p: number): number {
  if (!(p >= 0 && p <= 1)) return NaN;
  if (p > 0.5) return -normalQuantile(1 - p);
  if (p === 0) return -Infinity;
  if (p === 0.5) return 0;
  // Left of the root, where the curve bends downwards: every step comes closer and none goes past it, until rounding is
  // all that is left.
  let z = -Math.sqrt(-2 * log(p));
  for (;;) {
    const below = normalCdf(z);
    const step = log(p / below) * below / normalDensity(z);
    z += step;
    if (!(step > 4e-16 * Math.abs(z))) return z;
  }
}
