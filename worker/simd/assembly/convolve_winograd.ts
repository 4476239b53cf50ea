// deno-fmt-ignore-file: it would drop the decorators of AssemblyScript
// The forward pass of a conv block by Winograd's F(4×4, 3×3): a group of tile rows is transformed, multiplied, transformed
// back and pooled while it lies in the cache.
import { opaque } from "./madd.ts";
import { multiply } from "./multiply.ts";
import { thresholds, poolWindow } from "./pool.ts";
import { draw } from "./random.ts";
import { transformInput, transformOutput } from "./winograd.ts";

/** Bytes between the 36 sets of rows beyond their length, so that they do not fall on the same cache lines. */
const SET_SPACE: usize = 64;
/** Values that would be equal without rounding count as equal in pooling: the earlier one wins unless it is this far behind. */
const LEAD: f32 = 1 + 1.0 / 4194304;
/** Scratch: 36 vectors, then 16 outputs of 8 channels, then a border tile. */
const OUTPUTS: usize = 576;
const BORDER: usize = OUTPUTS + 512;

/**
 * As {@linkcode convolve}, with more buffers.
 * @param weights 36 sets of panels [outputStride / 8][inputStride][8]
 * @param zeros outputStride zeros
 * @param groupRows tile rows in a group
 * @param left buffer of 36 sets of inputs, each [tiles of a group][inputStride] and 64 bytes
 * @param products buffer of 36 sets of products, each [tiles of a group][outputStride] and 64 bytes
 * @param scratch 1,088 bytes and a tile of 36 pixels
 */
export function convolveWinograd(
  input: usize,
  inputSize: i32,
  inputStride: i32,
  weights: usize,
  bias: usize,
  zeros: usize,
  outputStride: i32,
  filters: i32,
  groupRows: i32,
  left: usize,
  products: usize,
  scratch: usize,
  pooled: usize,
  origin: usize,
  draws: usize,
  key0: u32,
  key1: u32,
  layer: u32,
  threshold: i32,
  scale: f32,
): void {
  const side = ((inputSize - 2) / 2 + 1) >> 1;
  const panels = outputStride >> 3;
  const panelBytes = (inputStride as usize) << 5;
  const pixelBytes = (inputStride as usize) << 2;
  const outputBytes = (outputStride as usize) << 2;
  for (let first = 0; first < side; first += groupRows) {
    const rows = min(groupRows, side - first);
    const tiles = rows * side;
    const leftStep = (tiles as usize) * pixelBytes + SET_SPACE;
    const productStep = (tiles as usize) * outputBytes + SET_SPACE;
    let to = left;
    for (let row = first; row < first + rows; row++) {
      for (let column = 0; column < side; column++) {
        inputTile(input, inputSize, inputStride, row, column, to, leftStep, scratch);
        to += pixelBytes;
      }
    }
    for (let set = 0; set < 36; set++) {
      // The product at points (1, 1) goes into all outputs with weight 1, and so does its bias.
      multiply(
        tiles,
        panels,
        left + (set as usize) * leftStep,
        pixelBytes,
        inputStride,
        weights + (set as usize) * panelBytes * panels,
        panelBytes,
        set == 7 ? bias : zeros,
        0,
        products + (set as usize) * productStep,
        outputBytes,
      );
    }
    for (let row = 0; row < rows; row++) {
      poolTiles(
        products + ((row * side) as usize) * outputBytes,
        productStep,
        first + row,
        side,
        inputSize - 2,
        outputStride,
        filters,
        scratch,
        pooled,
        origin,
        draws,
        key0,
        key1,
        layer,
        threshold,
        scale,
      );
    }
  }
}

/** Transforms one tile; what lies beyond the image is zeros. */
function inputTile(
  input: usize,
  inputSize: i32,
  inputStride: i32,
  row: i32,
  column: i32,
  target: usize,
  targetStep: usize,
  scratch: usize,
): void {
  const pixelBytes = (inputStride as usize) << 2;
  const rowBytes = (inputSize as usize) * pixelBytes;
  const source = input + ((4 * row) as usize) * rowBytes + ((4 * column) as usize) * pixelBytes;
  const width = min(6, inputSize - 4 * column);
  const height = min(6, inputSize - 4 * row);
  if (width == 6 && height == 6) {
    transformInput(source, rowBytes, pixelBytes, inputStride, target, targetStep, scratch);
    return;
  }
  const border = scratch + BORDER;
  memory.fill(border, 0, 36 * pixelBytes);
  for (let y = 0; y < height; y++) {
    memory.copy(
      border + ((6 * y) as usize) * pixelBytes,
      source + (y as usize) * rowBytes,
      (width as usize) * pixelBytes,
    );
  }
  transformInput(border, 6 * pixelBytes, pixelBytes, inputStride, target, targetStep, scratch);
}

/** One tile row of products into two rows of windows (one, and one column less, where their number is odd). */
function poolTiles(
  products: usize,
  productStep: usize,
  row: i32,
  side: i32,
  convSize: i32,
  outputStride: i32,
  filters: i32,
  scratch: usize,
  pooled: usize,
  origin: usize,
  draws: usize,
  key0: u32,
  key1: u32,
  layer: u32,
  threshold: i32,
  scale: f32,
): void {
  const windows = convSize >> 1;
  const drawPixel = (filters as usize) << 1;
  const drawRow = (convSize as usize) * drawPixel;
  const least = thresholds(threshold);
  const lead = opaque(f32x4.splat(LEAD), scratch);
  const four = opaque(f32x4.splat(4), scratch);
  const scales = f32x4.splat(scale);
  const outputs = scratch + OUTPUTS;
  let rowBits: usize = 0;
  if (draws) {
    const first = 4 * row * convSize * filters;
    const skipped = first & 3;
    const rows = min(4, convSize - 4 * row);
    draw(draws, key0, key1, layer, first >> 2, (rows * convSize * filters + skipped + 3) >> 2);
    rowBits = draws + ((skipped as usize) << 1);
  }
  const height = min(2, windows - 2 * row);
  for (let column = 0; column < side; column++) {
    const width = min(2, windows - 2 * column);
    const tileBits = rowBits + ((4 * column) as usize) * drawPixel;
    for (let channel = 0; channel < outputStride; channel += 8) {
      transformOutput(products, productStep, outputs, scratch, four);
      transformOutput(products + 16, productStep, outputs + 16, scratch, four);
      products += 32;
      for (let y = 0; y < height; y++) {
        for (let x = 0; x < width; x++) {
          const at = <usize>(((2 * row + y) * windows + 2 * column + x) * outputStride + channel);
          const upper = outputs + ((256 * y + 64 * x) as usize);
          const bits = draws
            ? tileBits + ((2 * y) as usize) * drawRow + ((2 * x) as usize) * drawPixel + ((channel << 1) as usize)
            : 0;
          poolWindow(
            upper,
            upper + 128,
            32,
            pooled + (at << 2),
            origin + at,
            bits,
            drawPixel,
            drawRow,
            least,
            true,
            lead,
            scales,
          );
        }
      }
    }
  }
}
