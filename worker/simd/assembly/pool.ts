// ReLU, dropout and 2×2 max-pool of conv outputs that already hold their bias. Where the maximum came from goes into one
// byte: 0 … 3 in row order (the first maximum wins), with bit 2 set where the maximum is 0, so that no gradient passes.

/** What dropout needs: 16 random bits an element are kept where they are at least the threshold. */
// @ts-ignore: decorator

export function keeps(draws: usize, threshold: v128): v128 {
  return i16x8.gt_s(v128.xor(v128.load(draws), i16x8.splat(-32768)), threshold);
}

/** Pools four vectors a b / c d of four channels each: writes 4 floats, times `scale`, and 4 bytes. */
// @ts-ignore: decorator

export function poolWindow(a: v128, b: v128, c: v128, d: v128, scale: v128, pooled: usize, origin: usize): void {
  const zero = f32x4.splat(0);
  const upper = f32x4.gt(b, a);
  const lower = i32x4.sub(f32x4.gt(d, c), i32x4.splat(2));
  const upperMaximum = f32x4.pmax(a, b);
  const lowerMaximum = f32x4.pmax(c, d);
  const below = f32x4.gt(lowerMaximum, upperMaximum);
  const maximum = f32x4.pmax(upperMaximum, lowerMaximum);
  // Positions are counted down from 0: comparisons give -1.
  const position = i32x4.neg(v128.bitselect(lower, upper, below));
  const dead = v128.andnot(i32x4.splat(4), f32x4.gt(maximum, zero));
  const code = v128.or(position, dead);
  v128.store(pooled, f32x4.mul(f32x4.pmax(maximum, zero), scale));
  const halves = i16x8.narrow_i32x4_s(code, code);
  v128.store_lane<i32>(origin, i8x16.narrow_i16x8_s(halves, halves), 0);
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
  const pixel = <usize> stride << 2;
  const scales = f32x4.splat(scale);
  const drawPixel = <usize> filters << 1;
  const least = i16x8.splat(<i16> (threshold - 1 - 32768));
  for (let window = 0; window < windows; window++) {
    let bits = draws;
    for (let channel = 0; channel < stride; channel += 8) {
      let a0 = v128.load(upper), a1 = v128.load(upper, 16);
      let b0 = v128.load(upper + pixel), b1 = v128.load(upper + pixel, 16);
      let c0 = v128.load(lower), c1 = v128.load(lower, 16);
      let d0 = v128.load(lower + pixel), d1 = v128.load(lower + pixel, 16);
      if (draws) {
        const keepA = keeps(bits, least);
        const keepB = keeps(bits + drawPixel, least);
        const keepC = keeps(bits + drawRow, least);
        const keepD = keeps(bits + drawRow + drawPixel, least);
        a0 = v128.and(a0, i32x4.extend_low_i16x8_s(keepA)), a1 = v128.and(a1, i32x4.extend_high_i16x8_s(keepA));
        b0 = v128.and(b0, i32x4.extend_low_i16x8_s(keepB)), b1 = v128.and(b1, i32x4.extend_high_i16x8_s(keepB));
        c0 = v128.and(c0, i32x4.extend_low_i16x8_s(keepC)), c1 = v128.and(c1, i32x4.extend_high_i16x8_s(keepC));
        d0 = v128.and(d0, i32x4.extend_low_i16x8_s(keepD)), d1 = v128.and(d1, i32x4.extend_high_i16x8_s(keepD));
        bits += 16;
      }
      poolWindow(a0, b0, c0, d0, scales, pooled, origin);
      poolWindow(a1, b1, c1, d1, scales, pooled + 16, origin + 4);
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
