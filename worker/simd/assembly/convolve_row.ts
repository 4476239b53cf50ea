// deno-fmt-ignore-file: it would drop the decorators of AssemblyScript
// One row of a 3×3 valid convolution, directly: tiles of 6 pixels × 8 output channels, as in multiply.ts, that run over the
// three input rows without leaving the registers.
import { madd } from "./madd.ts";
import { multiply } from "./multiply.ts";

/**
 * Convolves `count` pixels of one output row.
 * @param input first pixel of the upper input row
 * @param weights panels [panels][3][3 · stride][8]
 * @param target count pixels of 8 floats a panel
 */
export function convolveRow(
  count: i32,
  panels: i32,
  input: usize,
  stride: i32,
  rowBytes: usize,
  weights: usize,
  bias: usize,
  target: usize,
): void {
  const pixelBytes = <usize>stride << 2;
  const targetBytes = <usize>panels << 5;
  const rowWeights = <usize>(3 * stride) << 5;
  const tiles = count / 6;
  for (let panel: usize = 0; panel < <usize>panels; panel++) {
    let x = input;
    let y = target + (panel << 5);
    for (let tile = 0; tile < tiles; tile++) {
      sixPixels(x, pixelBytes, rowBytes, weights + panel * 3 * rowWeights, rowWeights, bias + (panel << 5), y, targetBytes);
      x += 6 * pixelBytes;
      y += 6 * targetBytes;
    }
  }
  const rest = count - 6 * tiles;
  if (rest == 0) return;
  input += <usize>(6 * tiles) * pixelBytes;
  target += <usize>(6 * tiles) * targetBytes;
  for (let row: usize = 0; row < 3; row++) {
    multiply(
      rest,
      panels,
      input + row * rowBytes,
      pixelBytes,
      3 * stride,
      weights + row * rowWeights,
      3 * rowWeights,
      row ? target : bias,
      row ? targetBytes : 0,
      target,
      targetBytes,
    );
  }
}

function sixPixels(
  input: usize,
  pixelBytes: usize,
  rowBytes: usize,
  weights: usize,
  rowWeights: usize,
  bias: usize,
  target: usize,
  targetBytes: usize,
): void {
  let left0 = v128.load(bias), right0 = v128.load(bias, 16);
  let left1 = left0, right1 = right0;
  let left2 = left0, right2 = right0;
  let left3 = left0, right3 = right0;
  let left4 = left0, right4 = right0;
  let left5 = left0, right5 = right0;
  const end = weights + 3 * rowWeights;
  while (weights < end) {
    let x0 = input;
    let x1 = x0 + pixelBytes;
    let x2 = x1 + pixelBytes;
    let x3 = x2 + pixelBytes;
    let x4 = x3 + pixelBytes;
    let x5 = x4 + pixelBytes;
    const rowEnd = weights + rowWeights;
    while (weights < rowEnd) {
      const weightLeft = v128.load(weights);
      const weightRight = v128.load(weights, 16);
      weights += 32;
      const value0 = v128.load32_splat(x0);
      x0 += 4;
      left0 = madd(value0, weightLeft, left0);
      right0 = madd(value0, weightRight, right0);
      const value1 = v128.load32_splat(x1);
      x1 += 4;
      left1 = madd(value1, weightLeft, left1);
      right1 = madd(value1, weightRight, right1);
      const value2 = v128.load32_splat(x2);
      x2 += 4;
      left2 = madd(value2, weightLeft, left2);
      right2 = madd(value2, weightRight, right2);
      const value3 = v128.load32_splat(x3);
      x3 += 4;
      left3 = madd(value3, weightLeft, left3);
      right3 = madd(value3, weightRight, right3);
      const value4 = v128.load32_splat(x4);
      x4 += 4;
      left4 = madd(value4, weightLeft, left4);
      right4 = madd(value4, weightRight, right4);
      const value5 = v128.load32_splat(x5);
      x5 += 4;
      left5 = madd(value5, weightLeft, left5);
      right5 = madd(value5, weightRight, right5);
    }
    input += rowBytes;
  }
  v128.store(target, left0);
  v128.store(target, right0, 16);
  target += targetBytes;
  v128.store(target, left1);
  v128.store(target, right1, 16);
  target += targetBytes;
  v128.store(target, left2);
  v128.store(target, right2, 16);
  target += targetBytes;
  v128.store(target, left3);
  v128.store(target, right3, 16);
  target += targetBytes;
  v128.store(target, left4);
  v128.store(target, right4, 16);
  target += targetBytes;
  v128.store(target, left5);
  v128.store(target, right5, 16);
}
