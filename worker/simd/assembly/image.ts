// deno-fmt-ignore-file: it would drop the decorators of AssemblyScript
// From bytes to the first layer's input: size × size × 3 float32 in [0, 1], plain or resampled through an affine map.

import { madd, opaque, toIntegers } from "./madd.ts";

/** target[i] = source[i] · scale for `count` bytes; reads and writes up to 3 elements past the end. */
export function scaleBytes(source: usize, target: usize, count: i32, scale: f32): void {
  const scales = f32x4.splat(scale);
  for (let i = 0; i < count; i += 4) {
    const words = i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(v128.load32_zero(source)));
    v128.store(target, f32x4.mul(f32x4.convert_i32x4_s(words), scales));
    source += 4;
    target += 16;
  }
}

/** Coordinates reflected about the pixel edges (d c b a | a b c d | d c b a), then clamped to [0, size − 1]. */
@inline
function reflect(c: v128, size: f32): v128 {
  const period = f32x4.splat(2 * size);
  const turns = f32x4.floor(f32x4.mul(c, f32x4.splat(1 / (2 * size))));
  const inside = f32x4.sub(c, f32x4.mul(turns, period));
  const mirrored = f32x4.sub(f32x4.splat(2 * size - 1), inside);
  const folded = v128.bitselect(mirrored, inside, f32x4.ge(inside, f32x4.splat(size)));
  return f32x4.pmin(f32x4.pmax(folded, f32x4.splat(0)), f32x4.splat(size - 1));
}

/** Bytes as four floats: `order` picks three of them, and zeros between. */
@inline
function pick(bytes: v128, order: v128): v128 {
  return f32x4.convert_i32x4_s(i8x16.swizzle(bytes, order));
}

/** One output pixel from its four neighbours at `source`, at distances s and t from the upper left one. */
@inline
function blend(
  source: usize,
  rowBytes: usize,
  s: v128,
  t: v128,
  first: v128,
  second: v128,
  scale: v128,
  target: usize,
): void {
  const upper = v128.load64_zero(source);
  const lower = v128.load64_zero(source + rowBytes);
  const a = pick(upper, first);
  const b = pick(lower, first);
  const top = madd(s, f32x4.sub(pick(upper, second), a), a);
  const bottom = madd(s, f32x4.sub(pick(lower, second), b), b);
  v128.store(target, f32x4.mul(madd(t, f32x4.sub(bottom, top), top), scale));
}

/**
 * Bilinear resampling: output (x, y) reads input (a·x + b·y + c, d·x + e·y + f), borders reflected. On the last column and
 * row the neighbour beyond has weight 0, so it may be anything: the source needs a row and 8 bytes of space behind it.
 * Writes up to 10 floats past the end.
 */
export function resample(
  source: usize,
  target: usize,
  size: i32,
  scale: f32,
  a: f32,
  b: f32,
  c: f32,
  d: f32,
  e: f32,
  f: f32,
): void {
  const rowBytes = <usize>size * 3;
  const side = <f32>size;
  const scales = f32x4.splat(scale);
  const first = opaque(i8x16(0, -1, -1, -1, 1, -1, -1, -1, 2, -1, -1, -1, -1, -1, -1, -1), target);
  const second = opaque(i8x16(3, -1, -1, -1, 4, -1, -1, -1, 5, -1, -1, -1, -1, -1, -1, -1), target);
  for (let y = 0; y < size; y++) {
    const rowU = f32x4.splat(b * <f32>y + c);
    const rowV = f32x4.splat(e * <f32>y + f);
    let xs = f32x4(0, 1, 2, 3);
    let out = target;
    for (let x = 0; x < size; x += 4) {
      const u = reflect(f32x4.add(f32x4.mul(f32x4.splat(a), xs), rowU), side);
      const v = reflect(f32x4.add(f32x4.mul(f32x4.splat(d), xs), rowV), side);
      xs = f32x4.add(xs, f32x4.splat(4));
      const left = f32x4.floor(u);
      const top = f32x4.floor(v);
      const s = f32x4.sub(u, left);
      const t = f32x4.sub(v, top);
      const column = toIntegers(left);
      const row = toIntegers(top);
      const offsets = i32x4.add(i32x4.mul(row, i32x4.splat(<i32>rowBytes)), i32x4.mul(column, i32x4.splat(3)));
      blend(
        source + i32x4.extract_lane(offsets, 0),
        rowBytes,
        v128.shuffle<i32>(s, s, 0, 0, 0, 0),
        v128.shuffle<i32>(t, t, 0, 0, 0, 0),
        first,
        second,
        scales,
        out,
      );
      blend(
        source + i32x4.extract_lane(offsets, 1),
        rowBytes,
        v128.shuffle<i32>(s, s, 1, 1, 1, 1),
        v128.shuffle<i32>(t, t, 1, 1, 1, 1),
        first,
        second,
        scales,
        out + 12,
      );
      blend(
        source + i32x4.extract_lane(offsets, 2),
        rowBytes,
        v128.shuffle<i32>(s, s, 2, 2, 2, 2),
        v128.shuffle<i32>(t, t, 2, 2, 2, 2),
        first,
        second,
        scales,
        out + 24,
      );
      blend(
        source + i32x4.extract_lane(offsets, 3),
        rowBytes,
        v128.shuffle<i32>(s, s, 3, 3, 3, 3),
        v128.shuffle<i32>(t, t, 3, 3, 3, 3),
        first,
        second,
        scales,
        out + 36,
      );
      out += 48;
    }
    target += <usize>size * 12;
  }
}
