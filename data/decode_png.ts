// PNG files of every kind to 8-bit RGB.
import { decode, type DecodedPng, hasPngSignature } from "fast-png";
import { type BarePng, barePng, pngBytesHeld } from "./bare_png.ts";
import type { RgbImage } from "./dataset_info.ts";
import { type ImageFormat, onWhite } from "./image_format.ts";
import { orientationOf, upright } from "./orientation.ts";

/** Alpha, transparent colours and the transparency of palettes are laid on white; 16 bits are rounded to 8. */
export const png: ImageFormat = {
  is: (bytes) => hasPngSignature(bytes),
  bytesHeld: pngBytesHeld,
  decode(bytes) {
    const bare = barePng(bytes);
    const { width, height } = bare;
    const pixels = new Uint8Array(width * height * 3);
    for (const part of bare.parts) {
      const decoded = decode(part.bytes);
      const paint = painterOf(decoded, bare);
      let index = 0;
      for (let y = part.y; y < height; y += part.dy) {
        for (let x = part.x; x < width; x += part.dx) paint(index++, pixels, (y * width + x) * 3);
      }
    }
    const image: RgbImage = { width, height, pixels };
    return upright(image, orientationOf(bare.exif));
  },
};

/** Puts a pixel of a decoded part, by its index, at a place among bytes of RGB. */
type Painter = (index: number, target: Uint8Array, at: number) => void;

function painterOf(decoded: DecodedPng, { transparency }: BarePng): Painter {
  const { depth, channels, palette } = decoded;
  const samples = samplesOf(decoded);
  if (samples.length !== decoded.width * decoded.height * channels) throw new Error("it has too few pixels");
  if (palette) {
    return (index, target, at) => {
      const colour = palette[samples[index]!];
      if (!colour) throw new Error(`it uses colour ${samples[index]} of a palette of ${palette.length}`);
      const alpha = transparency?.[samples[index]!] ?? 255;
      for (let i = 0; i < 3; i++) target[at + i] = onWhite(colour[i]!, alpha);
    };
  }
  // A colour of this kind is transparent, as it stands in the file; alpha and 16 bits cannot be told apart by a byte.
  const key = transparency && [0, 2, 4].slice(0, channels).map((i) => transparency[i]! << 8 | transparency[i + 1]!);
  const to8Bits = scaleOf(depth);
  const [green, blue] = channels < 3 ? [0, 0] : [1, 2];
  const hasAlpha = channels % 2 === 0;
  return (index, target, at) => {
    const from = index * channels;
    const isKey = key?.every((value, i) => value === samples[from + i]) ?? false;
    const alpha = isKey ? 0 : hasAlpha ? to8Bits(samples[from + channels - 1]!) : 255;
    target[at] = onWhite(to8Bits(samples[from]!), alpha);
    target[at + 1] = onWhite(to8Bits(samples[from + green]!), alpha);
    target[at + 2] = onWhite(to8Bits(samples[from + blue]!), alpha);
  };
}

/** As they stand in the file, one by one. */
function samplesOf({ data, depth, width, height }: DecodedPng): Uint8Array | Uint16Array {
  if (depth >= 8) return data as Uint8Array | Uint16Array;
  // Fewer than 8 bits occur with one channel only; rows start on a byte.
  const rowBytes = Math.ceil(width * depth / 8);
  const mask = 2 ** depth - 1;
  const perByte = 8 / depth;
  // An array-like, not an array: from() would first make a list of all its values.
  return Uint8Array.from({ length: width * height }, (_, i) => {
    const x = i % width;
    const byte = data[Math.floor(i / width) * rowBytes + Math.floor(x / perByte)]!;
    return byte >> (8 - depth * (x % perByte + 1)) & mask;
  });
}

/** To 0 … 255: 16 bits are rounded, fewer than 8 stretched. */
function scaleOf(depth: number): (value: number) => number {
  if (depth === 8) return (value) => value;
  if (depth === 16) return (value) => Math.floor((value * 2 + 257) / 514);
  const scale = 255 / (2 ** depth - 1);
  return (value) => value * scale;
}
