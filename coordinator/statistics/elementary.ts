// Exponential and logarithm from basic operations alone. What Math.exp and Math.log give is left to each JavaScript
// engine; sums, products, quotients and square roots are exact to the bit everywhere, so what is built on these has the
// same bits too.

/** ln 2 in two parts: the first has 33 bits, so that its product with an exponent is exact. */
const LN2_HIGH = 0x162e42fef / 2 ** 33;
const LN2_LOW = 7.440617110012397e-11;

const bits = new DataView(new ArrayBuffer(8));

/** 2^k for −1022 ≤ k ≤ 1023. */
function powerOfTwo(k: number): number {
  bits.setUint32(0, (k + 1023) << 20);
  bits.setUint32(4, 0);
  return bits.getFloat64(0);
}

/** eˣ, to about one unit in the last place. */
export function exp(x: number): number {
  if (Number.isNaN(x)) return NaN;
  if (x > 710) return Infinity;
  if (x < -746) return 0;
  const k = Math.round(x / Math.LN2);
  const rest = x - k * LN2_HIGH - k * LN2_LOW;
  // Taylor's series from its end; |rest| < 0.35, and the first term left out is below 2⁻⁶⁰.
  let sum = 1;
  for (let i = 15; i > 0; i--) sum = 1 + rest * sum / i;
  const half = Math.trunc(k / 2);
  return sum * powerOfTwo(half) * powerOfTwo(k - half);
}

/** The natural logarithm, to about one unit in the last place. */
export function log(x: number): number {
  if (Number.isNaN(x) || x < 0) return NaN;
  if (x === 0) return -Infinity;
  if (x === Infinity) return Infinity;
  if (x < 2 ** -1022) return log(x * 2 ** 54) - 54 * Math.LN2;
  bits.setFloat64(0, x);
  let k = (bits.getUint32(0) >>> 20) - 1023;
  let mantissa = x / powerOfTwo(k);
  if (mantissa > Math.SQRT2) mantissa /= 2, k++;
  // ln m = 2 artanh((m − 1)/(m + 1)), by its series from its end; |s| < 0.172, and the first term left out is below
  // 2⁻⁶⁰.
  const s = (mantissa - 1) / (mantissa + 1);
  const square = s * s;
  let series = 0;
  for (let i = 23; i > 1; i -= 2) series = square * (1 / i + series);
  return k * LN2_HIGH + (2 * s + (2 * s * series + k * LN2_LOW));
}
