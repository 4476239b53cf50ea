// A small picture of an image that a page can hold.
import jpeg from "jpeg-js";
import { toSquare } from "./resize.ts";

/** Of 100: smaller ones show blocks. */
const QUALITY = 80;

/**
 * A JPEG as a data URI, some kilobytes long.
 * @param pixels side² × 3 bytes, rows from the top, RGB
 * @param size of the picture in pixels; a smaller image is not enlarged
 */
export function thumbnail(pixels: Uint8Array, side: number, size: number): string {
  const width = Math.min(side, size);
  const small = toSquare({ width: side, height: side, pixels }, width);
  const data = new Uint8Array(width * width * 4).fill(255);
  for (let i = 0; i < width * width; i++) data.set(small.subarray(3 * i, 3 * i + 3), 4 * i);
  const { data: bytes } = jpeg.encode({ width, height: width, data }, QUALITY);
  return `data:image/jpeg;base64,${new Uint8Array(bytes).toBase64()}`;
}
