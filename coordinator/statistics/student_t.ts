// Student's t distribution, by the incomplete beta function.
import { exp, log } from "./elementary.ts";
import { normalQuantile } from "./normal.ts";

/** Coefficients of Stirling's series: B₂ₖ/(2k(2k − 1)). */
const STIRLING = [1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156];

/** The natural logarithm of Γ(x), for x > 0. */
export function logGamma(x: number): number {
  // Γ(x) = Γ(x + n)/(x (x + 1) …): the series is good from 10 on.
  let product = 1;
  while (x < 10) product *= x++;
  const square = x * x;
  let series = 0;
  for (let i = STIRLING.length - 1; i >= 0; i--) series = STIRLING[i]! + series / square;
  return (x - 0.5) * log(x) - x + 0.9189385332046727 + series / x - log(product);
}

/**
 * The regularized incomplete beta function I(x; a, b), for a, b > 0 and 0 ≤ x ≤ 1, to about 1e-14 for a and b up to
 * hundreds. By the continued fraction of DLMF 8.17.22, evaluated from its beginning (Lentz, Thompson and Barnett).
 */
export function incompleteBeta(x: number, a: number, b: number): number {
  return betaWithComplement(x, 1 - x, a, b);
}

/** The same, for an x so near to 1 that 1 − x has to be given. */
function betaWithComplement(x: number, y: number, a: number, b: number): number {
  if (x <= 0) return 0;
  if (y <= 0) return 1;
  // The fraction converges fast below the mean; above it, the other tail is computed.
  if (x > (a + 1) / (a + b + 2)) return 1 - betaWithComplement(y, x, b, a);
  const front = exp(a * log(x) + b * log(y) + logGamma(a + b) - logGamma(a) - logGamma(b)) / a;
  const notZero = (value: number) => Math.abs(value) < 1e-300 ? 1e-300 : value;
  let c = 1;
  let d = 1 / notZero(1 - (a + b) * x / (a + 1));
  let fraction = d;
  for (let m = 1; m < 10_000; m++) {
    const even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
    const odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
    let change = 1;
    for (const numerator of [even, odd]) {
      d = 1 / notZero(1 + numerator * d);
      c = notZero(1 + numerator / c);
      change = c * d;
      fraction *= change;
    }
    if (Math.abs(change - 1) < 2e-16) break;
  }
  return front * fraction;
}

/** P(|T| ≥ |t|) with so many degrees of freedom: the two-sided p of a t test. NaN for a t that is none. */
export function tTwoSidedP(t: number, freedom: number): number {
  if (Number.isNaN(t)) return NaN;
  if (!Number.isFinite(t)) return 0;
  const square = t * t;
  return betaWithComplement(freedom / (freedom + square), square / (freedom + square), freedom / 2, 0.5);
}

/** P(T ≤ t). */
export function tCdf(t: number, freedom: number): number {
  const tail = tTwoSidedP(t, freedom) / 2;
  return t > 0 ? 1 - tail : tail;
}

/** The density at t. */
function tDensity(t: number, freedom: number): number {
  const scale = logGamma((freedom + 1) / 2) - logGamma(freedom / 2);
  return exp(scale - (freedom + 1) / 2 * log(1 + t * t / freedom)) / Math.sqrt(freedom * Math.PI);
}

/** The t with P(T ≤ t) = p, by Newton's method; −∞ at 0, ∞ at 1, NaN outside; for tails down to 1e-100. */
export function tQuantile(p: number, freedom: number): number {
  if (!(p >= 0 && p <= 1)) return NaN;
  if (p > 0.5) return -tQuantile(1 - p, freedom);
  if (p === 0) return -Infinity;
  if (p === 0.5) return 0;
  // The tails are heavier than the normal ones. From there, where the curve bends upwards, every step comes closer and
  // none goes past the root, until rounding is all that is left.
  let t = normalQuantile(p);
  for (;;) {
    const step = (tCdf(t, freedom) - p) / tDensity(t, freedom);
    t -= step;
    if (!(step > 4e-16 * Math.abs(t))) return t;
  }
}
