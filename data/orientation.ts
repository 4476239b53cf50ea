// Which way up an image is: cameras store what the sensor sees, and say in a tag of EXIF how to turn it.
import type { RgbImage } from "./dataset_info.ts";

const ORIENTATION_TAG = 0x0112;
const SHORT = 3;
const ENTRY_BYTES = 12;

/**
 * The orientation that EXIF data gives, 1 to 8; 1, upright, where it gives none or makes no sense.
 * @param exif beginning with the header of TIFF
 */
export function orientationOf(exif: Uint8Array | undefined): number {
  if (exif === undefined || exif.length < 8) return 1;
  const view = new DataView(exif.buffer, exif.byteOffset, exif.byteLength);
  const order = view.getUint16(0);
  const little = order === 0x4949;
  if ((!little && order !== 0x4d4d) || view.getUint16(2, little) !== 42) return 1;
  const start = view.getUint32(4, little);
  const entries = start + 2 <= exif.length ? view.getUint16(start, little) : 0;
  for (let i = 0; i < entries; i++) {
    const at = start + 2 + i * ENTRY_BYTES;
    if (at + ENTRY_BYTES > exif.length) return 1;
    if (view.getUint16(at, little) !== ORIENTATION_TAG) continue;
    const value = view.getUint16(at + 8, little);
    return view.getUint16(at + 2, little) === SHORT && value >= 1 && value <= 8 ? value : 1;
  }
  return 1;
}

/** Where the pixel at (x, y) of the upright image is in the stored one, of which these are the last column and row. */
const SOURCES: readonly ((x: number, y: number, right: number, bottom: number) => readonly [number, number])[] = [
  (x, y) => [x, y],
  (x, y, right) => [right - x, y],
  (x, y, right, bottom) => [right - x, bottom - y],
  (x, y, _, bottom) => [x, bottom - y],
  (x, y) => [y, x],
  (x, y, _, bottom) => [y, bottom - x],
  (x, y, right, bottom) => [right - y, bottom - x],
  (x, y, right) => [right - y, x],
];

/** The image as it is to be seen. @param orientation as {@linkcode orientationOf} gives it */
export function upright(image: RgbImage, orientation: number): RgbImage {
  if (orientation === 1) return image;
  const sourceOf = SOURCES[orientation - 1]!;
  const [right, bottom] = [image.width - 1, image.height - 1];
  // From 5 on, rows become columns.
  const [width, height] = orientation < 5 ? [image.width, image.height] : [image.height, image.width];
  const pixels = new Uint8Array(image.pixels.length);
  for (let y = 0, to = 0; y < height; y++) {
    for (let x = 0; x < width; x++, to += 3) {
      const [column, row] = sourceOf(x, y, right, bottom);
      const from = (row * image.width + column) * 3;
      pixels[to] = image.pixels[from]!;
      pixels[to + 1] = image.pixels[from + 1]!;
      pixels[to + 2] = image.pixels[from + 2]!;
    }
  }
  return { width, height, pixels };
}
