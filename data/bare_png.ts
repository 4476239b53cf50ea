// A PNG reduced to what its pixels depend on, checked before anything is inflated: the decoder sees no other chunk (profiles
// and texts may be inflated to any size), and image data of exactly the length that follows from the header. It reads
// interlaced images of 8 bits and more only: so each of their passes is handed on as an image of its own.
import { Buffer } from "node:buffer";
import { crc32, deflateSync } from "node:zlib";
import { LimitError, refuseLargeImage } from "./image_limits.ts";
import { inflateExactly } from "./inflate.ts";

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
/** Length, type and CRC-32 around a chunk's data. */
const CHUNK_BYTES = 12;
const HEADER_BYTES = 13;
const MOST_COLOURS = 256;
const INDEXED = 3;
/** Bytes that say which colour is transparent, by colour type. */
const KEY_BYTES: Readonly<Record<number, number>> = { 0: 2, 2: 6 };
/** Samples a pixel by colour type. */
const CHANNELS: Readonly<Record<number, number>> = { 0: 1, 2: 3, [INDEXED]: 1, 4: 2, 6: 4 };
/** The passes of Adam7: first column and row, and the steps to the next. */
const PASSES = [
  [0, 0, 8, 8],
  [4, 0, 8, 8],
  [0, 4, 4, 8],
  [2, 0, 4, 4],
  [0, 2, 2, 4],
  [1, 0, 2, 2],
  [0, 1, 1, 2],
] as const;
/** How often the image data is there at once on its way through the decoder, besides the pixels that it gives. */
const COPIES = 6;
/** Image data is handed on in pieces, for the decoder to hold little besides what it has finished. */
const PIECE_BYTES = 1 << 20;

interface Header {
  readonly width: number;
  readonly height: number;
  readonly depth: number;
  readonly colourType: number;
  readonly isInterlaced: boolean;
}

/** A part of an image: its pixel (i, j) is pixel (x + i·dx, y + j·dy) of the whole. */
export interface PngPart {
  /** A PNG with header, palette and image data; the data is stored, not compressed, and no CRC-32 is set. */
  readonly bytes: Uint8Array;
  readonly x: number;
  readonly y: number;
  readonly dx: number;
  readonly dy: number;
}

/** What a PNG file holds. */
export interface BarePng {
  readonly width: number;
  readonly height: number;
  /** Together all pixels, each once: the passes of an interlaced image, or the whole. */
  readonly parts: readonly PngPart[];
  /** Alpha of the palette's colours, or 16 bits for each sample of the colour that is transparent. */
  readonly transparency: Uint8Array | undefined;
  readonly exif: Uint8Array | undefined;
}

/** Bytes that are held while it is decoded. @throws {Error} if its first chunk is no sound header */
export function pngBytesHeld(bytes: Uint8Array): number {
  const start = SIGNATURE.length + 8;
  return heldBy(decodeHeader(bytes.subarray(start, start + HEADER_BYTES)));
}

/**
 * @param bytes with a PNG's signature
 * @throws {LimitError} if the image is too large to decode; Error, if it is damaged
 */
export function barePng(bytes: Uint8Array): BarePng {
  const { header, palette, transparency, exif, data } = readChunks(bytes);
  const decoded = decodeHeader(header);
  const { width, height, colourType } = decoded;
  refuseLargeImage(width, height, heldBy(decoded));
  const passes = passesOf(decoded);
  const rows = inflateExactly(data, { bytes: passes.reduce((sum, { bytes }) => sum + bytes, 0), frame: "zlib" });
  let end = 0;
  const parts = passes.map(({ bytes, width, height, ...place }) => {
    const own = header.slice();
    const view = new DataView(own.buffer);
    view.setUint32(0, width);
    view.setUint32(4, height);
    own[12] = 0;
    return { bytes: storedPng(own, palette, rows.subarray(end, end += bytes)), ...place };
  });
  const keyBytes = KEY_BYTES[colourType];
  const isSound = colourType === INDEXED || (keyBytes !== undefined && transparency?.length === keyBytes);
  return { width, height, parts, transparency: isSound ? transparency : undefined, exif };
}

function storedPng(header: Uint8Array, palette: Uint8Array | undefined, rows: Uint8Array): Uint8Array {
  const stored = deflateSync(rows, { level: 0 });
  const pieces = Array.from(
    { length: Math.ceil(stored.length / PIECE_BYTES) },
    (_, i) => chunk("IDAT", stored.subarray(i * PIECE_BYTES, (i + 1) * PIECE_BYTES)),
  );
  return Buffer.concat([
    Uint8Array.from(SIGNATURE),
    chunk("IHDR", header),
    // Those of true colours are a hint for poor screens.
    ...header[9] === INDEXED && palette ? [chunk("PLTE", palette)] : [],
    ...pieces,
    chunk("IEND", new Uint8Array()),
  ]);
}

/** Those of 4 kB fill the largest file with fewer; each costs memory, however short it is. */
const MOST_CHUNKS = 100_000;
const KEPT_ONCE: ReadonlySet<string> = new Set(["IHDR", "PLTE", "tRNS", "eXIf"]);

/** Goes through all chunks up to the end, with their CRC-32. */
function readChunks(
  bytes: Uint8Array,
): Record<"header" | "data", Uint8Array> & Record<"palette" | "transparency" | "exif", Uint8Array | undefined> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const only = new Map<string, Uint8Array>();
  const data: Uint8Array[] = [];
  for (let at = SIGNATURE.length, chunks = 0;; chunks++) {
    if (chunks > MOST_CHUNKS) throw new LimitError(`it has more than ${MOST_CHUNKS} chunks, which is the limit`);
    const length = at + CHUNK_BYTES <= bytes.length ? view.getUint32(at) : Infinity;
    if (at + CHUNK_BYTES + length > bytes.length) throw new Error("it ends within a chunk");
    const type = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    const content = bytes.subarray(at + 8, at + 8 + length);
    if (crc32(bytes.subarray(at + 4, at + 8 + length)) !== view.getUint32(at + 8 + length)) {
      throw new Error(`the CRC-32 of its chunk ${type} is wrong`);
    }
    if (only.size === 0 && type !== "IHDR") throw new Error(`its first chunk is ${type} instead of IHDR`);
    if (type === "IDAT") data.push(content);
    else if (KEPT_ONCE.has(type)) {
      if (only.has(type)) throw new Error(`it has two chunks ${type}`);
      if (type === "PLTE" && length > 3 * MOST_COLOURS) throw new Error(`its palette has ${length} bytes`);
      only.set(type, content);
    } else if (type === "IEND") {
      const [header, palette, transparency, exif] = ["IHDR", "PLTE", "tRNS", "eXIf"].map((type) => only.get(type));
      return { header: header!, palette, transparency, exif, data: Buffer.concat(data) };
    }
    at += CHUNK_BYTES + length;
  }
}

function decodeHeader(header: Uint8Array): Header {
  if (header.length !== HEADER_BYTES) {
    throw new Error(`its header has ${header.length} bytes instead of ${HEADER_BYTES}`);
  }
  const view = new DataView(header.buffer, header.byteOffset);
  const [depth, colourType, interlace] = [header[8]!, header[9]!, header[12]!];
  if (![1, 2, 4, 8, 16].includes(depth)) throw new Error(`it has ${depth} bits a sample`);
  if (CHANNELS[colourType] === undefined) throw new Error(`its colour type is ${colourType}`);
  if (interlace > 1) throw new Error(`it is interlaced by method ${interlace}`);
  return { width: view.getUint32(0), height: view.getUint32(4), depth, colourType, isInterlaced: interlace !== 0 };
}

/** The images of which an image consists, as far as they have pixels, and how long their data is. */
function passesOf({ width, height, depth, colourType, isInterlaced }: Header) {
  const bits = depth * CHANNELS[colourType]!;
  const passes = isInterlaced ? PASSES : [[0, 0, 1, 1]] as const;
  return passes.flatMap(([x, y, dx, dy]) => {
    const [columns, lines] = [Math.ceil((width - x) / dx), Math.ceil((height - y) / dy)];
    if (columns <= 0 || lines <= 0) return [];
    // Rows start on a byte, after one that names their filter.
    return [{ x, y, dx, dy, width: columns, height: lines, bytes: lines * (1 + Math.ceil(columns * bits / 8)) }];
  });
}

function heldBy(header: Header): number {
  const { width, height } = header;
  return COPIES * passesOf(header).reduce((sum, { bytes }) => sum + bytes, 0) + 3 * width * height;
}

function chunk(type: string, data: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(CHUNK_BYTES + data.length);
  new DataView(bytes.buffer).setUint32(0, data.length);
  new TextEncoder().encodeInto(type, bytes.subarray(4));
  bytes.set(data, 8);
  return bytes;
}
