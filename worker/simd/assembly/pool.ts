// deno-fmt-ignore-file: it would drop the decorators of AssemblyScript
// ReLU, dropout and 2×2 max-pool of conv outputs that already hold their bias. Where the maximum came from goes into one
// byte: 0 … 3 in row order (the first maximum wins), and all ones (-1) where the maximum is 0, so that no gradient passes. A NaN
// anywhere in a window comes out as NaN, so that divergence is seen.

/** All ones where eight draws of 16 bits reach the threshold: they are kept. */
@inline
export function keeps(draws: usize, threshold: v128): v128 {
  return i16x8.eq(i16x8.sub_sat_u(threshold, v128.load(draws)), i16x8.splat(0));
}

/** A threshold in all lanes. 65536, which would drop everything, is taken as 65535. */
@inline
export function thresholds(threshold: i32): v128 {
  return i16x8.splat(<i16>min(threshold, 65535));
}

/**
 * Pools four vectors a b / c d of four channels each: writes 4 floats, times `scale`, and 4 bytes.
 * @param blurred whether values that ought to be equal differ by rounding (a constant): then a later value wins only if it is
 * greater than the earlier one times `lead`
 */
@inline
function poolFour(
  a: v128,
  b: v128,
  c: v128,
  d: v128,
  blurred: bool,
  lead: v128,
  scale: v128,
  pooled: usize,
  origin: usize,
): void {
  const zero = f32x4.splat(0);
  const upper = f32x4.gt(b, blurred ? f32x4.mul(a, lead) : a);
  const lower = f32x4.gt(d, blurred ? f32x4.mul(c, lead) : c);
  const upperMaximum = f32x4.pmax(a, b);
  const lowerMaximum = f32x4.pmax(c, d);
  const below = f32x4.gt(lowerMaximum, blurred ? f32x4.mul(upperMaximum, lead) : upperMaximum);
  // pmax keeps a NaN on its left and drops one on its right: of the four only a's would come through. A sum keeps all, and in
  // this order is never NaN for finite values, however large. All ones, the answer of a comparison, are a NaN.
  const rest = f32x4.add(f32x4.add(b, d), c);
  const maximum = v128.or(f32x4.pmax(upperMaximum, lowerMaximum), f32x4.ne(rest, rest));
  // Comparisons give -1, so this counts down from 0.
  const right = v128.bitselect(lower, upper, below);
  const position = i32x4.abs(i32x4.add(right, i32x4.add(below, below)));
  const code = v128.or(position, f32x4.le(maximum, zero));
  v128.store(pooled, f32x4.mul(f32x4.pmax(maximum, zero), scale));
  const halves = i16x8.narrow_i32x4_s(code, code);
  v128.store_lane<i32>(origin, i8x16.narrow_i16x8_s(halves, halves), 0);
}

/**
 * Pools one window of eight channels: 8 floats at `upper` and `lower` and one pixel (`pixel` bytes) behind each.
 * @param bits random bits of the first position, or 0 for no dropout; `bitsPixel` and `bitsRow` bytes lead to the others
 */
@inline
export function poolWindow(
  upper: usize,
  lower: usize,
  pixel: usize,
  pooled: usize,
  origin: usize,
  bits: usize,
  bitsPixel: usize,
  bitsRow: usize,
  least: v128,
  blurred: bool,
  lead: v128,
  scale: v128,
): void {
  let a0 = v128.load(upper), a1 = v128.load(upper, 16);
  let b0 = v128.load(upper + pixel), b1 = v128.load(upper + pixel, 16);
  let c0 = v128.load(lower), c1 = v128.load(lower, 16);
  let d0 = v128.load(lower + pixel), d1 = v128.load(lower + pixel, 16);
  if (bits) {
    const keepA = keeps(bits, least);
    const keepB = keeps(bits + bitsPixel, least);
    const keepC = keeps(bits + bitsRow, least);
    const keepD = keeps(bits + bitsRow + bitsPixel, least);
    a0 = v128.and(a0, i32x4.extend_low_i16x8_s(keepA)), a1 = v128.and(a1, i32x4.extend_high_i16x8_s(keepA));
    b0 = v128.and(b0, i32x4.extend_low_i16x8_s(keepB)), b1 = v128.and(b1, i32x4.extend_high_i16x8_s(keepB));
    c0 = v128.and(c0, i32x4.extend_low_i16x8_s(keepC)), c1 = v128.and(c1, i32x4.extend_high_i16x8_s(keepC));
    d0 = v128.and(d0, i32x4.extend_low_i16x8_s(keepD)), d1 = v128.and(d1, i32x4.extend_high_i16x8_s(keepD));
  }
  poolFour(a0, b0, c0, d0, blurred, lead, scale, pooled, origin);
  poolFour(a1, b1, c1, d1, blurred, lead, scale, pooled + 16, origin + 4);
}

/**
 * Pools two conv rows of `stride` floats a pixel into `windows` windows.
 * @param draws random bits of the upper row's first element, or 0 for no dropout
 * @param filters true number of channels: random bits are dense, rows of pixels are padded to `stride`
 * @param drawRow bytes from the upper row's draws to the lower row's
 */
export function poolRows(
  upper: usize,
  lower: usize,
  windows: i32,
  stride: i32,
  pooled: usize,
  origin: usize,
  draws: usize,
  filters: i32,
  drawRow: usize,
  threshold: i32,
  scale: f32,
): void {
  const pixel = <usize>stride << 2;
  const scales = f32x4.splat(scale);
  const drawPixel = <usize>filters << 1;
  const least = thresholds(threshold);
  for (let window = 0; window < windows; window++) {
    let bits = draws;
    for (let channel = 0; channel < stride; channel += 8) {
      poolWindow(upper, lower, pixel, pooled, origin, bits, drawPixel, drawRow, least, false, scales, scales);
      if (draws) bits += 16;
      upper += 32;
      lower += 32;
      pooled += 32;
      origin += 8;
    }
    upper += pixel;
    lower += pixel;
    if (draws) draws += drawPixel << 1;
  }
}
