// deno-fmt-ignore-file: it would drop the decorators of AssemblyScript
// The transforms of Winograd's minimal filtering F(4×4, 3×3) (Lavin and Gray, CVPR 2016): 36 products give a tile of 16
// convolution outputs, which take 144 directly. Points 0, ±1, ±2 and infinity. Measured against float64 on real images, a layer
// is off by at most 2·10⁻⁶ of its largest value (root mean square 4 to 9·10⁻⁸); the direct convolution of the first layer by 4·10⁻⁷.
import { madd, nmadd, opaque } from "./madd.ts";

/** Six values, `step` bytes apart, through Bᵀ to six values `targetStep` bytes apart; each is 4 channels wide. */
@inline
function inputLine(source: usize, step: usize, target: usize, targetStep: usize, four: v128): void {
  const d0 = v128.load(source);
  const d1 = v128.load(source + step);
  const d2 = v128.load(source + 2 * step);
  const d3 = v128.load(source + 3 * step);
  const d4 = v128.load(source + 4 * step);
  const d5 = v128.load(source + 5 * step);
  const even1 = nmadd(d2, four, d4);
  const odd1 = nmadd(d1, four, d3);
  const even2 = f32x4.sub(d4, d2);
  const half2 = f32x4.sub(d3, d1);
  const odd2 = f32x4.add(half2, half2);
  v128.store(target, madd(f32x4.sub(d0, d2), four, even2));
  v128.store(target + targetStep, f32x4.add(even1, odd1));
  v128.store(target + 2 * targetStep, f32x4.sub(even1, odd1));
  v128.store(target + 3 * targetStep, f32x4.add(even2, odd2));
  v128.store(target + 4 * targetStep, f32x4.sub(even2, odd2));
  v128.store(target + 5 * targetStep, nmadd(half2, four, f32x4.sub(d5, d3)));
}

/** Six values through Aᵀ to four. */
@inline
function outputLine(source: usize, step: usize, target: usize, targetStep: usize, four: v128): void {
  const m0 = v128.load(source);
  const m1 = v128.load(source + step);
  const m2 = v128.load(source + 2 * step);
  const m3 = v128.load(source + 3 * step);
  const m4 = v128.load(source + 4 * step);
  const m5 = v128.load(source + 5 * step);
  const even1 = f32x4.add(m1, m2);
  const odd1 = f32x4.sub(m1, m2);
  const even2 = f32x4.add(m3, m4);
  const half2 = f32x4.sub(m3, m4);
  const odd2 = f32x4.add(half2, half2);
  v128.store(target, f32x4.add(m0, f32x4.add(even1, even2)));
  v128.store(target + targetStep, f32x4.add(odd1, odd2));
  v128.store(target + 2 * targetStep, madd(even2, four, even1));
  v128.store(target + 3 * targetStep, f32x4.add(m5, madd(odd2, four, odd1)));
}

/**
 * One tile of 6 × 6 pixels to 36 products' left sides.
 * @param target first of 36 rows of `channels` floats, `targetStep` bytes apart
 * @param scratch 36 vectors
 */
export function transformInput(
  source: usize,
  rowBytes: usize,
  pixelBytes: usize,
  channels: i32,
  target: usize,
  targetStep: usize,
  scratch: usize,
): void {
  const four = opaque(f32x4.splat(4), scratch);
  for (let channel = 0; channel < channels; channel += 4) {
    let column = source;
    for (let x: usize = 0; x < 96; x += 16) {
      inputLine(column, rowBytes, scratch + x, 96, four);
      column += pixelBytes;
    }
    let row = target;
    for (let y: usize = 0; y < 576; y += 96) {
      inputLine(scratch + y, 16, row, targetStep, four);
      row += 6 * targetStep;
    }
    source += 16;
    target += 16;
  }
}

/**
 * 36 products of four channels, `step` bytes apart, to 4 × 4 outputs.
 * @param target 16 vectors in row order, 32 bytes apart
 * @param scratch 24 vectors
 * @param four 4 in all lanes, no constant
 */
@inline
export function transformOutput(source: usize, step: usize, target: usize, scratch: usize, four: v128): void {
  let column = source;
  for (let x: usize = 0; x < 96; x += 16) {
    outputLine(column, 6 * step, scratch + x, 96, four);
    column += step;
  }
  for (let y: usize = 0; y < 4; y++) outputLine(scratch + 96 * y, 16, target + 128 * y, 32, four);
}

/** Row `i` of G times (a, b, c). */
@inline
function weightLine(i: i32, a: f64, b: f64, c: f64): f64 {
  switch (i) {
    case 0:
      return a / 4;
    case 1:
      return -(a + b + c) / 6;
    case 2:
      return -(a - b + c) / 6;
    case 3:
      return a / 24 + b / 12 + c / 6;
    case 4:
      return a / 24 - b / 12 + c / 6;
    default:
      return c;
  }
}

/**
 * Kernels [9][channels][filters] to 36 sets of panels [panels][stride][8], in float64, rounded once.
 * @param scratch 9 float64
 */
export function transformWeights(
  source: usize,
  channels: i32,
  filters: i32,
  stride: i32,
  target: usize,
  scratch: usize,
): void {
  const panels = (filters + 7) >> 3;
  const tapBytes = ((channels * filters) as usize) << 2;
  const setBytes = ((panels * stride) as usize) << 5;
  memory.fill(target, 0, 36 * setBytes);
  for (let channel = 0; channel < channels; channel++) {
    for (let filter = 0; filter < filters; filter++) {
      const tap = source + (((channel * filters + filter) as usize) << 2);
      for (let i: usize = 0; i < 9; i++) store<f64>(scratch + 8 * i, load<f32>(tap + i * tapBytes) as f64);
      let to = target + (<usize>((((filter >> 3) * stride + channel) << 3) + (filter & 7)) << 2);
      for (let i = 0; i < 6; i++) {
        const a = weightLine(i, load<f64>(scratch), load<f64>(scratch, 24), load<f64>(scratch, 48));
        const b = weightLine(i, load<f64>(scratch, 8), load<f64>(scratch, 32), load<f64>(scratch, 56));
        const c = weightLine(i, load<f64>(scratch, 16), load<f64>(scratch, 40), load<f64>(scratch, 64));
        for (let j = 0; j < 6; j++) {
          store<f32>(to, weightLine(j, a, b, c) as f32);
          to += setBytes;
        }
      }
    }
  }
}
