// Floats of 16 bits for the wire: fp16 (IEEE binary16, 11 significant bits, magnitudes from 6e-8 to 65504) and bf16 (float32
// cut to 8 significant bits). A value in one of them goes there and back unchanged: compressing twice is compressing once.

/** How flat values may travel: as float32, or as one of the floats of 16 bits. */
export const COMPRESSIONS: readonly Compression[] = ["none", "fp16", "bf16"];

/** How float32 values travel: as they are, or as floats of 16 bits. */
export type Compression = "none" | "fp16" | "bf16";
/** A float of 16 bits. */
export type Half = Exclude<Compression, "none">;

/** The scales that {@linkcode scaleExponent} gives: their powers of two are normal float32, either way. */
export const SCALE_EXPONENTS = { least: -113, most: 126 } as const;

/**
 * Rounds to the nearest value, of two as near to the one with an even last bit; what is too large becomes an infinity, NaN stays
 * NaN.
 * @param exponent fp16 only: the values are multiplied by two to the power of it first, without another rounding
 * @returns the bits
 */
export function encodeHalf(values: Float32Array, half: Half, exponent = 0): Uint16Array<ArrayBuffer> {
  if (half === "fp16") {
    const scale = 2 ** exponent;
    const halves = new Float16Array(values.length);
    for (let i = 0, { length } = values; i < length; i++) halves[i] = values[i]! * scale;
    return new Uint16Array(halves.buffer);
  }
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const halves = new Uint16Array(values.length);
  for (let i = 0, { length } = bits; i < length; i++) {
    const value = bits[i]!;
    const isNaN = (value & 0x7fffffff) > 0x7f800000;
    // A carry out of the significand raises the exponent, up to the infinity; NaN must not be carried on.
    halves[i] = isNaN ? (value >>> 16) | 0x40 : (value + 0x7fff + ((value >>> 16) & 1)) >>> 16;
  }
  return halves;
}

/** The values of halves, divided by two to the power of `exponent`, which fp16 may have. */
export function decodeHalf(halves: Uint16Array<ArrayBuffer>, half: Half, exponent = 0): Float32Array<ArrayBuffer> {
  const values = new Float32Array(halves.length);
  if (half === "fp16") {
    const scale = 2 ** -exponent;
    const floats = new Float16Array(halves.buffer, halves.byteOffset, halves.length);
    for (let i = 0, { length } = floats; i < length; i++) values[i] = floats[i]! * scale;
  } else {
    const bits = new Uint32Array(values.buffer);
    for (let i = 0, { length } = halves; i < length; i++) bits[i] = halves[i]! << 16;
  }
  return values;
}

/**
 * The power of two that brings the largest magnitude to 2^14 or more and below 2^15: as large as can be without rounding past
 * fp16's end, so that few small values are lost. 0 where there is nothing to save: all zeros, or not all finite.
 */
export function scaleExponent(values: Float32Array): number {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  let largest = 0;
  // Magnitudes sort as integers.
  for (let i = 0, { length } = bits; i < length; i++) largest = Math.max(largest, bits[i]! & 0x7fffffff);
  const biased = largest >>> 23;
  if (largest === 0 || biased === 0xff) return 0;
  const { least, most } = SCALE_EXPONENTS;
  return Math.max(least, Math.min(most, 14 - (biased - 127))); // a subnormal counts as 2^-127, which is beyond the most anyway
}
