// Image sizes other than the native one, by area average in whole numbers, so that every machine gets the same bytes.
import type { RgbImage } from "./dataset_info.ts";

/**
 * The largest centred square of an image (the odd pixel goes to the right or the bottom), at size × size × 3 bytes.
 *
 * Each output pixel is the mean of the square of input that it covers, parts of pixels counted by their area, rounded
 * half up: with W = side², output (x, y) = ⌊(2 Σ wx·wy·input + W) / 2W⌋, where wx and wy are the overlaps in units of
 * 1/size pixel. It enlarges as well, by the same formula.
 */
export function toSquare(image: RgbImage, size: number): Uint8Array {
  const side = Math.min(image.width, image.height);
  const square = crop(image, side);
  return side === size ? square : areaAverage(square, side, size);
}

function crop({ width, height, pixels }: RgbImage, side: number): Uint8Array {
  if (width === height) return pixels;
  const left = Math.floor((width - side) / 2);
  const top = Math.floor((height - side) / 2);
  const square = new Uint8Array(side * side * 3);
  for (let y = 0; y < side; y++) {
    const start = ((top + y) * width + left) * 3;
    square.set(pixels.subarray(start, start + side * 3), y * side * 3);
  }
  return square;
}

/** Rows first, then columns; sums stay whole numbers below 2⁵³, so float64 holds them exactly in any order. */
function areaAverage(pixels: Uint8Array, side: number, size: number): Uint8Array {
  const taps = overlaps(side, size);
  const rowSums = new Float64Array(size * 3);
  const sums = new Float64Array(size * 3);
  const result = new Uint8Array(size * size * 3);
  const weight = side * side;
  for (let y = 0; y < size; y++) {
    sums.fill(0);
    for (const [row, wy] of taps[y]!) {
      sumRow(pixels.subarray(row * side * 3, (row + 1) * side * 3), taps, rowSums);
      for (let i = 0; i < sums.length; i++) sums[i]! += wy * rowSums[i]!;
    }
    for (let i = 0; i < sums.length; i++) result[y * size * 3 + i] = Math.floor((2 * sums[i]! + weight) / (2 * weight));
  }
  return result;
}

function sumRow(row: Uint8Array, taps: readonly Taps[], target: Float64Array): void {
  for (let x = 0; x < taps.length; x++) {
    let [red, green, blue] = [0, 0, 0];
    for (const [column, wx] of taps[x]!) {
      red += wx * row[column * 3]!;
      green += wx * row[column * 3 + 1]!;
      blue += wx * row[column * 3 + 2]!;
    }
    target[x * 3] = red;
    target[x * 3 + 1] = green;
    target[x * 3 + 2] = blue;
  }
}

/** Input pixels under one output pixel, each with its overlap; the overlaps of one output pixel sum to `side`. */
type Taps = readonly (readonly [index: number, weight: number])[];

/** On a line of side·size units an input pixel is `size` long, an output pixel `side` long. */
function overlaps(side: number, size: number): Taps[] {
  return Array.from({ length: size }, (_, output) => {
    const [start, end] = [output * side, (output + 1) * side];
    const taps: [number, number][] = [];
    for (let input = Math.floor(start / size); input * size < end; input++) {
      taps.push([input, Math.min(end, (input + 1) * size) - Math.max(start, input * size)]);
    }
    return taps;
  });
}
