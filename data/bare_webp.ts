// A WebP reduced to what its pixels depend on, checked before the decoder sees it: its size, and one image. Profiles, texts and
// films are not handed on.
import { Buffer } from "node:buffer";
import { NotReadError } from "./image_format.ts";
import { refuseLargeImage } from "./image_limits.ts";

const RIFF_BYTES = 12;
const CHUNK_BYTES = 8;
/** Of the flags of an extended file. */
const ANIMATION = 0x02;
const ALPHA = 0x10;
const MOST_CHUNKS = 1000;
/** What libwebp holds for a pixel, and what goes in and out, as measured and rounded up. */
const PIXEL_BYTES = 20;

/** What a WebP file holds. */
export interface BareWebp {
  /** A file with one image in it and nothing else. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly width: number;
  readonly height: number;
  readonly exif: Uint8Array | undefined;
}

/** Whether bytes begin as those of a WebP file do. */
export function hasWebpSignature(bytes: Uint8Array): boolean {
  return nameAt(bytes, 0) === "RIFF" && nameAt(bytes, 8) === "WEBP";
}

/** Bytes that are held while it is decoded. @throws {Error} as {@linkcode bareWebp} does */
export function webpBytesHeld(bytes: Uint8Array): number {
  const { width, height } = bareWebp(bytes);
  return width * height * PIXEL_BYTES + 2 * bytes.length;
}

/**
 * @param bytes with a WebP's signature
 * @throws {LimitError} if the image is too large to decode; NotReadError, if it moves; Error, if it is damaged
 */
export function bareWebp(bytes: Uint8Array): BareWebp {
  const chunks = readChunks(bytes);
  if ((chunks.get("VP8X")?.[0] ?? 0) & ANIMATION || chunks.has("ANIM")) {
    throw new NotReadError("it is animated: save one of its pictures");
  }
  const [lossy, lossless, alpha] = [chunks.get("VP8 "), chunks.get("VP8L"), chunks.get("ALPH")];
  const data = lossy ?? lossless;
  if (data === undefined || (lossy && lossless)) throw new Error("it does not have one image");
  const { width, height } = lossy ? lossySize(lossy) : losslessSize(data);
  refuseLargeImage(width, height, width * height * PIXEL_BYTES + 2 * bytes.length);
  // A file with an alpha plane says its size twice; here it cannot say another one.
  const side = (length: number) => [length - 1 & 255, length - 1 >> 8, 0];
  const extended = Uint8Array.of(ALPHA, 0, 0, 0, ...side(width), ...side(height));
  const parts = lossy && alpha
    ? [chunk("VP8X", extended), chunk("ALPH", alpha), chunk("VP8 ", lossy)]
    : [chunk(lossy ? "VP8 " : "VP8L", data)];
  const body = Buffer.concat([new TextEncoder().encode("WEBP"), ...parts]);
  return { bytes: new Uint8Array(chunk("RIFF", body)), width, height, exif: exifOf(chunks.get("EXIF")) };
}

/** By their names; the first of each counts. */
function readChunks(bytes: Uint8Array): Map<string, Uint8Array> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const end = view.getUint32(4, true) + CHUNK_BYTES;
  if (end > bytes.length) throw new Error("it ends within its data");
  const chunks = new Map<string, Uint8Array>();
  for (let at = RIFF_BYTES, count = 0; at + CHUNK_BYTES <= end; count++) {
    if (count > MOST_CHUNKS) throw new Error(`it has more than ${MOST_CHUNKS} chunks`);
    const length = view.getUint32(at + 4, true);
    const [name, start] = [nameAt(bytes, at), at + CHUNK_BYTES];
    if (start + length > end) throw new Error("it ends within a chunk");
    if (!chunks.has(name)) chunks.set(name, bytes.subarray(start, start + length));
    at = start + length + length % 2;
  }
  return chunks;
}

/** A key frame says its size after three bytes and a start code; two bits of each are a scale for the screen. */
function lossySize(data: Uint8Array): { width: number; height: number } {
  if (data.length < 10 || (data[0]! & 1) !== 0 || data[3] !== 0x9d || data[4] !== 0x01 || data[5] !== 0x2a) {
    throw new Error("its image does not begin as it should");
  }
  return { width: (data[6]! | data[7]! << 8) & 0x3fff, height: (data[8]! | data[9]! << 8) & 0x3fff };
}

/** A signature, then 14 bits for each side, less one. */
function losslessSize(data: Uint8Array): { width: number; height: number } {
  if (data.length < 5 || data[0] !== 0x2f) throw new Error("its image does not begin as it should");
  const bits = new DataView(data.buffer, data.byteOffset).getUint32(1, true);
  return { width: (bits & 0x3fff) + 1, height: (bits >>> 14 & 0x3fff) + 1 };
}

/** Some programs begin it as it begins in a JPEG. */
function exifOf(data: Uint8Array | undefined): Uint8Array | undefined {
  return data && nameAt(data, 0) === "Exif" ? data.subarray(6) : data;
}

function chunk(name: string, data: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(CHUNK_BYTES + data.length + data.length % 2);
  new TextEncoder().encodeInto(name, bytes);
  new DataView(bytes.buffer).setUint32(4, data.length, true);
  bytes.set(data, CHUNK_BYTES);
  return bytes;
}

function nameAt(bytes: Uint8Array, at: number): string {
  return String.fromCharCode(...bytes.subarray(at, at + 4));
}
