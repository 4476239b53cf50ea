// deno-fmt-ignore-file: it would drop the decorators of AssemblyScript
// Dense layers over all images of a leaf at once, so that the weights are streamed once. Rows (one an image) are padded with
// zeros to a multiple of 8 floats.
import { madd } from "./madd.ts";
import { keeps, thresholds } from "./pool.ts";

/** Copies the pooled image of one sample into a row of the first dense layer: drops the padding of its pixels. */
export function flatten(source: usize, pixels: i32, stride: i32, channels: i32, target: usize): void {
  for (let pixel = 0; pixel < pixels; pixel++) {
    memory.copy(target, source, <usize>channels << 2);
    source += <usize>stride << 2;
    target += <usize>channels << 2;
  }
}

/** The way back; padding channels become 0. */
export function unflatten(source: usize, pixels: i32, stride: i32, channels: i32, target: usize): void {
  memory.fill(target, 0, <usize>(pixels * stride) << 2);
  for (let pixel = 0; pixel < pixels; pixel++) {
    memory.copy(target, source, <usize>channels << 2);
    source += <usize>channels << 2;
    target += <usize>stride << 2;
  }
}

/** values[i] = kept ? values[i] · scale : 0, for the random bits at `draws`; in steps of 8. */
export function dropValues(values: usize, draws: usize, count: i32, threshold: i32, scale: f32): void {
  const least = thresholds(threshold);
  const scales = f32x4.splat(scale);
  for (let i = 0; i < count; i += 8) {
    const keep = keeps(draws, least);
    const left = f32x4.mul(v128.load(values), scales);
    const right = f32x4.mul(v128.load(values, 16), scales);
    v128.store(values, v128.and(left, i32x4.extend_low_i16x8_s(keep)));
    v128.store(values, v128.and(right, i32x4.extend_high_i16x8_s(keep)), 16);
    draws += 16;
    values += 32;
  }
}

/** ReLU in place; NaN stays, so that divergence shows. */
export function rectify(values: usize, count: i32): void {
  const zero = f32x4.splat(0);
  for (let i = 0; i < count; i += 4) {
    v128.store(values, f32x4.pmax(v128.load(values), zero));
    values += 16;
  }
}

/** gradient[i] = 0 where outputs[i] is not positive. */
export function rectifyGradient(gradient: usize, outputs: usize, count: i32): void {
  for (let i = 0; i < count; i += 4) {
    const alive = f32x4.gt(v128.load(outputs), f32x4.splat(0));
    v128.store(gradient, v128.and(v128.load(gradient), alive));
    gradient += 16;
    outputs += 16;
  }
}

@inline
function sumLanes(v: v128): f32 {
  const halves = f32x4.add(v, v128.shuffle<i32>(v, v, 2, 3, 2, 3));
  return f32x4.extract_lane(halves, 0) + f32x4.extract_lane(halves, 1);
}

/**
 * The input gradient of a dense layer: target[n][i] = Σ over units of gradient[n][unit] · weights[i][unit]. Tiles of
 * 4 images × 3 inputs keep 12 sums in registers; what is left over goes one by one.
 * @param count images; `gradientRow` and `targetRow` bytes between them
 * @param weights [inputs][units], as in the flat weights
 */
export function denseInputGradient(
  count: i32,
  inputs: i32,
  units: i32,
  gradient: usize,
  gradientRow: usize,
  weights: usize,
  target: usize,
  targetRow: usize,
): void {
  const unitBytes = <usize>units << 2;
  for (let i = 0; i < inputs;) {
    const wide = i + 3 <= inputs;
    let n = 0;
    if (wide) {
      for (; n + 4 <= count; n += 4) {
        dotTile(units, gradient + n * gradientRow, gradientRow, weights, target + n * targetRow, targetRow);
      }
    }
    const step = wide ? 3 : 1;
    for (; n < count; n++) {
      const g = gradient + n * gradientRow;
      const y = target + n * targetRow;
      for (let j = 0; j < step; j++) store<f32>(y + (<usize>j << 2), dot(units, g, weights + j * unitBytes));
    }
    i += step;
    weights += <usize>step * unitBytes;
    target += <usize>step << 2;
  }
}

/** One input of one image. */
function dot(units: i32, gradient: usize, weights: usize): f32 {
  const vectors = units & ~3;
  let sum = f32x4.splat(0);
  for (let unit = 0; unit < vectors; unit += 4) {
    sum = madd(v128.load(gradient), v128.load(weights), sum);
    gradient += 16;
    weights += 16;
  }
  return sumLanes(sum) + dotTail(units - vectors, gradient, weights);
}

/** The last units, which do not fill a vector. */
function dotTail(units: i32, gradient: usize, weights: usize): f32 {
  let sum: f32 = 0;
  for (let unit = 0; unit < units; unit++) {
    sum += load<f32>(gradient) * load<f32>(weights);
    gradient += 4;
    weights += 4;
  }
  return sum;
}

/** Three inputs of four images. */
function dotTile(
  units: i32,
  gradient: usize,
  gradientRow: usize,
  weights: usize,
  target: usize,
  targetRow: usize,
): void {
  let s00 = f32x4.splat(0), s01 = f32x4.splat(0), s02 = f32x4.splat(0);
  let s10 = f32x4.splat(0), s11 = f32x4.splat(0), s12 = f32x4.splat(0);
  let s20 = f32x4.splat(0), s21 = f32x4.splat(0), s22 = f32x4.splat(0);
  let s30 = f32x4.splat(0), s31 = f32x4.splat(0), s32 = f32x4.splat(0);
  let g0 = gradient;
  let g1 = g0 + gradientRow;
  let g2 = g1 + gradientRow;
  let g3 = g2 + gradientRow;
  let w0 = weights;
  let w1 = w0 + (<usize>units << 2);
  let w2 = w1 + (<usize>units << 2);
  const vectors = units & ~3;
  for (let unit = 0; unit < vectors; unit += 4) {
    const x0 = v128.load(w0), x1 = v128.load(w1), x2 = v128.load(w2);
    const y0 = v128.load(g0);
    s00 = madd(y0, x0, s00);
    s01 = madd(y0, x1, s01);
    s02 = madd(y0, x2, s02);
    const y1 = v128.load(g1);
    s10 = madd(y1, x0, s10);
    s11 = madd(y1, x1, s11);
    s12 = madd(y1, x2, s12);
    const y2 = v128.load(g2);
    s20 = madd(y2, x0, s20);
    s21 = madd(y2, x1, s21);
    s22 = madd(y2, x2, s22);
    const y3 = v128.load(g3);
    s30 = madd(y3, x0, s30);
    s31 = madd(y3, x1, s31);
    s32 = madd(y3, x2, s32);
    g0 += 16, g1 += 16, g2 += 16, g3 += 16;
    w0 += 16, w1 += 16, w2 += 16;
  }
  const tail = units - vectors;
  store<f32>(target, sumLanes(s00) + dotTail(tail, g0, w0));
  store<f32>(target, sumLanes(s01) + dotTail(tail, g0, w1), 4);
  store<f32>(target, sumLanes(s02) + dotTail(tail, g0, w2), 8);
  target += targetRow;
  store<f32>(target, sumLanes(s10) + dotTail(tail, g1, w0));
  store<f32>(target, sumLanes(s11) + dotTail(tail, g1, w1), 4);
  store<f32>(target, sumLanes(s12) + dotTail(tail, g1, w2), 8);
  target += targetRow;
  store<f32>(target, sumLanes(s20) + dotTail(tail, g2, w0));
  store<f32>(target, sumLanes(s21) + dotTail(tail, g2, w1), 4);
  store<f32>(target, sumLanes(s22) + dotTail(tail, g2, w2), 8);
  target += targetRow;
  store<f32>(target, sumLanes(s30) + dotTail(tail, g3, w0));
  store<f32>(target, sumLanes(s31) + dotTail(tail, g3, w1), 4);
  store<f32>(target, sumLanes(s32) + dotTail(tail, g3, w2), 8);
}

/**
 * The weight gradient of a dense layer, written and not added: target[i][unit] = Σ over images of inputs[n][i] ·
 * gradient[n][unit]. Dropout and ReLU leave many zeros among the inputs: only the others are listed. A row's last vector may
 * spill up to 3 floats into the next row, which is written after it; behind the last row lies the bias, written by the caller.
 * @param list buffer of 8 bytes for every image, and 8 more
 */
export function denseWeightGradient(
  count: i32,
  inputs: i32,
  units: i32,
  values: usize,
  valueRow: usize,
  gradient: usize,
  gradientRow: usize,
  target: usize,
  list: usize,
): void {
  for (let i = 0; i < inputs; i++) {
    let end = list;
    let value = values;
    for (let n = 0; n < count; n++) {
      const x = load<f32>(value);
      store<u32>(end, <u32>(n * gradientRow));
      store<f32>(end, x, 4);
      end += <usize>i32(x != 0) << 3;
      value += valueRow;
    }
    let unit = 0;
    for (; unit + 48 <= units; unit += 48) {
      productRows(12, list, end, gradient + (<usize>unit << 2), target + (<usize>unit << 2));
    }
    for (; unit < units; unit += 4) {
      productRows(1, list, end, gradient + (<usize>unit << 2), target + (<usize>unit << 2));
    }
    values += 4;
    target += <usize>units << 2;
  }
}

/** target = Σ value · rows[offset …], `vectors` (12 or 1, a constant) at once. */
@inline
function productRows(vectors: i32, list: usize, end: usize, rows: usize, target: usize): void {
  let s0 = f32x4.splat(0);
  let s1 = f32x4.splat(0);
  let s2 = f32x4.splat(0);
  let s3 = f32x4.splat(0);
  let s4 = f32x4.splat(0);
  let s5 = f32x4.splat(0);
  let s6 = f32x4.splat(0);
  let s7 = f32x4.splat(0);
  let s8 = f32x4.splat(0);
  let s9 = f32x4.splat(0);
  let s10 = f32x4.splat(0);
  let s11 = f32x4.splat(0);
  for (let pair = list; pair < end; pair += 8) {
    const x = rows + <usize>load<u32>(pair);
    const value = v128.load32_splat(pair, 4);
    s0 = madd(value, v128.load(x), s0);
    if (vectors > 1) {
      s1 = madd(value, v128.load(x, 16), s1);
      s2 = madd(value, v128.load(x, 32), s2);
      s3 = madd(value, v128.load(x, 48), s3);
      s4 = madd(value, v128.load(x, 64), s4);
      s5 = madd(value, v128.load(x, 80), s5);
      s6 = madd(value, v128.load(x, 96), s6);
      s7 = madd(value, v128.load(x, 112), s7);
      s8 = madd(value, v128.load(x, 128), s8);
      s9 = madd(value, v128.load(x, 144), s9);
      s10 = madd(value, v128.load(x, 160), s10);
      s11 = madd(value, v128.load(x, 176), s11);
    }
  }
  v128.store(target, s0);
  if (vectors > 1) {
    v128.store(target, s1, 16);
    v128.store(target, s2, 32);
    v128.store(target, s3, 48);
    v128.store(target, s4, 64);
    v128.store(target, s5, 80);
    v128.store(target, s6, 96);
    v128.store(target, s7, 112);
    v128.store(target, s8, 128);
    v128.store(target, s9, 144);
    v128.store(target, s10, 160);
    v128.store(target, s11, 176);
  }
}
