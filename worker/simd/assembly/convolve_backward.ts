// The backward pass of a conv block, from the gradient of its pooled output. Behind ReLU, dropout and max-pool at least three
// quarters of the dense gradient are zeros, so it is never made: each output channel's non-zero gradients become a list, for
// a band of window rows at a time, which is what the input and its gradient can be cached for.
import { spreadRows12, spreadRows6, sumImageWindows, sumRows12, sumRows6 } from "./sparse.ts";

/** Byte offsets of a window's four positions; a fifth entry onwards would be dead ones, which are not listed. */
// @ts-ignore: decorator

function positionOffset(position: u32, pixelBytes: usize, rowBytes: usize): usize {
  return <usize> (position & 1) * pixelBytes + <usize> (position >> 1 & 1) * rowBytes;
}

/**
 * Lists the non-zero gradients of one channel in `rows` rows of windows, and adds their sum to `biasGradient`.
 * @returns the end of the list
 */
function listChannel(
  gradient: usize,
  origin: usize,
  outputStride: i32,
  windows: i32,
  rows: i32,
  pixelBytes: usize,
  rowBytes: usize,
  scale: f32,
  biasGradient: usize,
  list: usize,
): usize {
  let sum: f32 = 0;
  let rowOffset: usize = 0;
  for (let row = 0; row < rows; row++) {
    let offset = rowOffset;
    for (let window = 0; window < windows; window++) {
      const position = <u32> load<u8>(origin);
      const value = load<f32>(gradient) * scale;
      store<u32>(list, <u32> (offset + positionOffset(position, pixelBytes, rowBytes)));
      store<f32>(list, value, 4);
      const live = i32(position < 4) & i32(value != 0);
      sum += select<f32>(value, 0, live);
      list += <usize> live << 3;
      gradient += <usize> outputStride << 2;
      origin += outputStride;
      offset += 2 * pixelBytes;
    }
    rowOffset += 2 * rowBytes;
  }
  store<f32>(biasGradient, load<f32>(biasGradient) + sum);
  return list;
}

/**
 * Adds one image's gradients to the block's sums, and writes the gradient of its input.
 * @param inputGradient like the input, already zeroed, or 0 for the first block, which needs none
 * @param weights [filters][3][3 · inputStride]
 * @param sums weight gradient sums in the layout of the weights, each row rounded up to 4 floats
 * @param biasSums bias gradient sums
 * @param scale 1 / (1 − dropout rate)
 * @param bandRows rows of windows in a band
 * @param list buffer of 8 bytes for every window of a band, and 8 more
 */
export function convolveBackward(
  input: usize,
  inputGradient: usize,
  inputSize: i32,
  inputStride: i32,
  gradient: usize,
  origin: usize,
  outputStride: i32,
  filters: i32,
  weights: usize,
  sums: usize,
  biasSums: usize,
  scale: f32,
  bandRows: i32,
  list: usize,
): void {
  const windows = (inputSize - 2) >> 1;
  const pixelBytes = <usize> inputStride << 2;
  const rowBytes = <usize> inputSize * pixelBytes;
  for (let y = 0; y < windows; y += bandRows) {
    const rows = min(bandRows, windows - y);
    const start = <usize> (2 * y) * rowBytes;
    const first = <usize> (y * windows * outputStride);
    for (let filter = 0; filter < filters; filter++) {
      const end = listChannel(
        gradient + ((first + filter) << 2),
        origin + first + filter,
        outputStride,
        windows,
        rows,
        pixelBytes,
        rowBytes,
        scale,
        biasSums + (<usize> filter << 2),
        list,
      );
      if (end == list) continue;
      if (inputStride == 3) {
        sumImageWindows(list, end, input + start, rowBytes, sums + <usize> filter * 144);
        continue;
      }
      const window = <usize> filter * 9 * pixelBytes;
      sumWindows(list, end, input + start, inputStride, rowBytes, sums + window);
      if (inputGradient) spreadWindows(list, end, inputGradient + start, inputStride, rowBytes, weights + window);
    }
  }
}

/** Weight gradient of one channel: three kernel rows, cut into runs of 12 or 6 vectors. */
function sumWindows(list: usize, end: usize, input: usize, stride: i32, rowBytes: usize, sums: usize): void {
  const vectors = (3 * stride) >> 2;
  for (let row = 0; row < 3; row++) {
    let x = input + <usize> row * rowBytes;
    let left = vectors;
    for (; left >= 12; left -= 12) {
      sumRows12(list, end, x, sums);
      x += 192;
      sums += 192;
    }
    if (left) {
      sumRows6(list, end, x, sums);
      sums += 96;
    }
  }
}

/** Input gradient of one channel, cut like the weight gradient. */
function spreadWindows(list: usize, end: usize, target: usize, stride: i32, rowBytes: usize, weights: usize): void {
  const vectors = (3 * stride) >> 2;
  for (let row = 0; row < 3; row++) {
    let y = target + <usize> row * rowBytes;
    let left = vectors;
    for (; left >= 12; left -= 12) {
      spreadRows12(list, end, y, weights);
      y += 192;
      weights += 192;
    }
    if (left) {
      spreadRows6(list, end, y, weights);
      weights += 96;
    }
  }
}
