// deno-fmt-ignore-file: it would drop the decorators of AssemblyScript
// The backward pass of a conv block, from the gradient of its pooled output. Behind ReLU, dropout and max-pool at least three
// quarters of the dense gradient are zeros, so it is never made: a band of window rows becomes lists, and each kernel row runs
// down all lists before the next, so that the two input rows that it meets stay in the first-level cache.
import { listGradients } from "./lists.ts";
import { spreadRows12, spreadRows6, sumImageWindows, sumRows12, sumRows6 } from "./sparse.ts";

/**
 * Adds one image's gradients to the block's sums, and writes the gradient of its input.
 * @param inputGradient like the input, or 0 for the first block, which needs none
 * @param gradient of the pooled output
 * @param weights [filters][3][3 · inputStride]
 * @param sums weight gradient sums in the layout of the weights, each row rounded up to 4 floats
 * @param biasSums bias gradient sums, outputStride of them
 * @param scale 1 / (1 − dropout rate)
 * @param bandRows rows of windows in a band
 * @param lists buffer of outputStride lists, each of 8 bytes for every window of a band and 8 more
 * @param ends buffer of outputStride u32
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
  lists: usize,
  ends: usize,
): void {
  const windows = (inputSize - 2) >> 1;
  const pixelBytes = <usize>inputStride << 2;
  const rowBytes = <usize>inputSize * pixelBytes;
  const capacity = <usize>(bandRows * windows + 1) << 3;
  let zeroed = 0;
  let zeroFrom = inputGradient;
  for (let y = 0; y < windows; y += bandRows) {
    const rows = min(bandRows, windows - y);
    if (inputGradient) {
      // Zeroed as late as possible, so that it is still in the cache.
      const needed = y + rows < windows ? 2 * (y + rows) + 2 : inputSize;
      memory.fill(zeroFrom, 0, <usize>(needed - zeroed) * rowBytes);
      zeroFrom += <usize>(needed - zeroed) * rowBytes;
      zeroed = needed;
    }
    const count = rows * windows;
    listGradients(
      gradient,
      origin,
      windows,
      rows,
      outputStride,
      pixelBytes,
      rowBytes,
      scale,
      biasSums,
      lists,
      capacity,
      ends,
    );
    if (inputStride == 3) sumImage(lists, capacity, ends, filters, input, rowBytes, sums);
    else {
      sumWindows(lists, capacity, ends, filters, input, inputStride, rowBytes, sums);
      if (inputGradient) spreadWindows(lists, capacity, ends, filters, inputGradient, inputStride, rowBytes, weights);
    }
    gradient += <usize>(count * outputStride) << 2;
    origin += count * outputStride;
    input += <usize>(2 * rows) * rowBytes;
    if (inputGradient) inputGradient += <usize>(2 * rows) * rowBytes;
  }
}

/** Weight gradients of the first block, a whole window at a time. */
function sumImage(
  lists: usize,
  capacity: usize,
  ends: usize,
  filters: i32,
  input: usize,
  rowBytes: usize,
  sums: usize,
): void {
  let list = lists;
  for (let filter = 0; filter < filters; filter++) {
    const end = <usize>load<u32>(ends + (<usize>filter << 2));
    sumImageWindows(list, end, input, rowBytes, sums);
    list += capacity;
    sums += 144;
  }
}

/** Weight gradients of all channels: three kernel rows, cut into runs of 12 or 6 vectors. */
function sumWindows(
  lists: usize,
  capacity: usize,
  ends: usize,
  filters: i32,
  input: usize,
  stride: i32,
  rowBytes: usize,
  sums: usize,
): void {
  const kernelRow = <usize>stride * 12;
  for (let row = 0; row < 3; row++) {
    for (let run: usize = 0; run < kernelRow; run += 192) {
      const whole = run + 192 <= kernelRow;
      let list = lists;
      let target = sums + run;
      for (let filter = 0; filter < filters; filter++) {
        const end = <usize>load<u32>(ends + (<usize>filter << 2));
        if (whole) sumRows12(list, end, input + run, target);
        else sumRows6(list, end, input + run, target);
        list += capacity;
        target += 3 * kernelRow;
      }
    }
    sums += kernelRow;
    input += rowBytes;
  }
}

/** Input gradients from all channels, cut like the weight gradients. */
function spreadWindows(
  lists: usize,
  capacity: usize,
  ends: usize,
  filters: i32,
  target: usize,
  stride: i32,
  rowBytes: usize,
  weights: usize,
): void {
  const kernelRow = <usize>stride * 12;
  for (let row = 0; row < 3; row++) {
    for (let run: usize = 0; run < kernelRow; run += 192) {
      const whole = run + 192 <= kernelRow;
      let list = lists;
      let source = weights + run;
      for (let filter = 0; filter < filters; filter++) {
        const end = <usize>load<u32>(ends + (<usize>filter << 2));
        if (whole) spreadRows12(list, end, target + run, source);
        else spreadRows6(list, end, target + run, source);
        list += capacity;
        source += 3 * kernelRow;
      }
    }
    weights += kernelRow;
    target += rowBytes;
  }
}
