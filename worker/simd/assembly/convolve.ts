// deno-fmt-ignore-file: it would drop the decorators of AssemblyScript
// The forward pass of a conv block, directly: two conv rows at a time into a buffer that stays in the cache, then pooled, so
// that only pooled values and one byte of origin each leave it.
import { convolveRow } from "./convolve_row.ts";
import { poolRows } from "./pool.ts";
import { draw } from "./random.ts";

/**
 * One image through 3×3 valid convolution + bias + ReLU (+ dropout) + 2×2 max-pool.
 * @param input inputSize × inputSize × inputStride float32
 * @param weights panels [outputStride / 8][3][3 · inputStride][8]
 * @param rows buffer of two conv rows
 * @param pooled windows × windows × outputStride float32; `origin` the same in bytes
 * @param draws buffer of random bits for two conv rows, or 0 for no dropout
 */
export function convolve(
  input: usize,
  inputSize: i32,
  inputStride: i32,
  weights: usize,
  bias: usize,
  outputStride: i32,
  filters: i32,
  rows: usize,
  pooled: usize,
  origin: usize,
  draws: usize,
  key0: u32,
  key1: u32,
  layer: u32,
  threshold: i32,
  scale: f32,
): void {
  const windows = (inputSize - 2) >> 1;
  const rowBytes = <usize>(inputSize * inputStride) << 2;
  const outputBytes = <usize>outputStride << 2;
  const lower = rows + <usize>(2 * windows) * outputBytes;
  const rowElements = (inputSize - 2) * filters;
  for (let y = 0; y < windows; y++) {
    convolveRow(2 * windows, outputStride >> 3, input, inputStride, rowBytes, weights, bias, rows);
    convolveRow(2 * windows, outputStride >> 3, input + rowBytes, inputStride, rowBytes, weights, bias, lower);
    let bits: usize = 0;
    if (draws) {
      const first = 2 * y * rowElements;
      const skipped = first & 3;
      draw(draws, key0, key1, layer, first >> 2, (2 * rowElements + skipped + 3) >> 2);
      bits = draws + (<usize>skipped << 1);
    }
    poolRows(
      rows,
      lower,
      windows,
      outputStride,
      pooled,
      origin,
      bits,
      filters,
      <usize>rowElements << 1,
      threshold,
      scale,
    );
    input += 2 * rowBytes;
    pooled += <usize>windows * outputBytes;
    origin += windows * outputStride;
  }
}
