// PNG and JPEG files to 8-bit RGB. What a file is, its first bytes say, not its name.
import { decode as decodePng, type DecodedPng, hasPngSignature } from "fast-png";
import jpeg from "jpeg-js";
import { HerdError, messageOf } from "../shared/errors.ts";
import { bareJpeg } from "./bare_jpeg.ts";
import { barePng } from "./bare_png.ts";
import type { RgbImage } from "./dataset_info.ts";
import { LimitError, MOST_DECODE_BYTES, MOST_PIXELS } from "./image_limits.ts";

/**
 * Decodes a PNG (alpha is dropped, 16 bits are rounded to 8; not interlaced ones of fewer than 8) or a JPEG (its orientation tag
 * is ignored; colour profiles are, too). Throws HerdError "data" calling the file by `name`.
 */
export function decodeImage(bytes: Uint8Array, name: string): RgbImage {
  if (bytes.length === 0) throw new HerdError("data", `The image '${name}' is empty: replace or remove it`);
  const decode = hasPngSignature(bytes) ? pngToRgb : isJpeg(bytes) ? jpegToRgb : undefined;
  if (!decode) throw new HerdError("data", `'${name}' is neither a PNG nor a JPEG image: replace or remove it`);
  try {
    return decode(bytes);
  } catch (error) {
    const what = error instanceof LimitError ? "too large" : "damaged or cut short";
    throw new HerdError("data", `The image '${name}' is ${what} (${messageOf(error)}): replace or remove it`, {
      cause: error,
    });
  }
}

/** Bytes that are held while an image is decoded, about, as its header says; what cannot be told is refused soon. */
export function bytesToDecode(bytes: Uint8Array): number {
  return bytes.length;
}

function isJpeg(bytes: Uint8Array): boolean {
  return bytes[0] === 0xff && bytes[1] === 0xd8 && bytes[2] === 0xff;
}

function jpegToRgb(bytes: Uint8Array): RgbImage {
  const { width, height, data } = jpeg.decode(bareJpeg(bytes), {
    useTArray: true,
    formatAsRGBA: false,
    tolerantDecoding: false,
    maxResolutionInMP: MOST_PIXELS / 1e6,
    maxMemoryUsageInMB: MOST_DECODE_BYTES / 2 ** 20,
  });
  return { width, height, pixels: data };
}

function pngToRgb(bytes: Uint8Array): RgbImage {
  const png = decodePng(barePng(bytes));
  const { width, height } = png;
  const samples = to8Bits(png);
  if (samples.length !== width * height * png.channels) throw new Error("it has too few pixels");
  const pixels = new Uint8Array(width * height * 3);
  if (png.palette) fillFromPalette(pixels, samples, png.palette);
  else fillFromChannels(pixels, samples, png.channels);
  return { width, height, pixels };
}

/** One byte a sample: palette indices as they are, grey levels of fewer bits stretched to 0 … 255. */
function to8Bits({ data, depth, width, height, palette }: DecodedPng): Uint8Array {
  if (depth === 8) return new Uint8Array(data.buffer, data.byteOffset, data.length);
  // Array-likes, not the arrays themselves: from() would first make a list of all their values.
  const { length } = data;
  if (depth === 16) return Uint8Array.from({ length }, (_, i) => Math.floor((data[i]! * 2 + 257) / 514));
  // Fewer than 8 bits occur with one channel only; rows start on a byte.
  const rowBytes = Math.ceil(width * depth / 8);
  const scale = palette ? 1 : 255 / (2 ** depth - 1);
  const mask = 2 ** depth - 1;
  const perByte = 8 / depth;
  return Uint8Array.from({ length: width * height }, (_, i) => {
    const x = i % width;
    const byte = data[Math.floor(i / width) * rowBytes + Math.floor(x / perByte)]!;
    return (byte >> (8 - depth * (x % perByte + 1)) & mask) * scale;
  });
}

function fillFromPalette(pixels: Uint8Array, indices: Uint8Array, palette: readonly number[][]): void {
  for (const [i, index] of indices.entries()) {
    const colour = palette[index];
    if (!colour) throw new Error(`it uses colour ${index} of a palette of ${palette.length}`);
    pixels.set(colour.slice(0, 3), i * 3);
  }
}

function fillFromChannels(pixels: Uint8Array, samples: Uint8Array, channels: number): void {
  const [green, blue] = channels < 3 ? [0, 0] : [1, 2];
  for (let from = 0, to = 0; to < pixels.length; from += channels, to += 3) {
    pixels[to] = samples[from]!;
    pixels[to + 1] = samples[from + green]!;
    pixels[to + 2] = samples[from + blue]!;
  }
}
