// A PNG reduced to what its pixels depend on, checked before anything is inflated: the decoder sees no other chunk (profiles
// and texts may be inflated to any size), and image data of exactly the length that follows from the header.
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

/**
 * A PNG with header, palette and image data of the same pixels; the data is stored, not compressed, and no CRC-32 is set.
 * @param bytes with a PNG's signature
 * @throws {LimitError} if the image is too large to decode; Error, if it is damaged
 */
export function barePng(bytes: Uint8Array): Uint8Array {
  const { header, palette, data } = readChunks(bytes);
  const { width, height, depth, colourType, isInterlaced } = decodeHeader(header);
  const bits = depth * CHANNELS[colourType]!;
  const length = dataBytes({ width, height, bits, isInterlaced });
  refuseLargeImage(width, height, COPIES * length + 3 * width * height);
  const stored = deflateSync(inflateExactly(data, { bytes: length, frame: "zlib" }), { level: 0 });
  const pieces = Array.from(
    { length: Math.ceil(stored.length / PIECE_BYTES) },
    (_, i) => chunk("IDAT", stored.subarray(i * PIECE_BYTES, (i + 1) * PIECE_BYTES)),
  );
  return Buffer.concat([
    Uint8Array.from(SIGNATURE),
    chunk("IHDR", header),
    // Those of true colours are a hint for poor screens.
    ...colourType === INDEXED && palette ? [chunk("PLTE", palette)] : [],
    ...pieces,
    chunk("IEND", new Uint8Array()),
  ]);
}

/** Those of 4 kB fill the largest file with fewer; each costs memory, however short it is. */
const MOST_CHUNKS = 100_000;

/** Goes through all chunks up to the end, with their CRC-32. */
function readChunks(bytes: Uint8Array): { header: Uint8Array; palette: Uint8Array | undefined; data: Uint8Array } {
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
    else if (type === "IHDR" || type === "PLTE") {
      if (only.has(type)) throw new Error(`it has two chunks ${type}`);
      if (type === "PLTE" && length > 3 * MOST_COLOURS) throw new Error(`its palette has ${length} bytes`);
      only.set(type, content);
    } else if (type === "IEND") {
      return { header: only.get("IHDR")!, palette: only.get("PLTE"), data: Buffer.concat(data) };
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
  // The decoder would take each of their samples for a byte.
  if (interlace !== 0 && depth < 8) throw new Error(`it is interlaced with ${depth} bits a sample, which is not read`);
  return { width: view.getUint32(0), height: view.getUint32(4), depth, colourType, isInterlaced: interlace !== 0 };
}

/** Rows start on a byte, after one that names their filter; an interlaced image is seven smaller ones. */
function dataBytes(
  { width, height, bits, isInterlaced }: Pick<Header, "width" | "height" | "isInterlaced"> & { readonly bits: number },
): number {
  const rows = (width: number, height: number) => width * height === 0 ? 0 : height * (1 + Math.ceil(width * bits / 8));
  if (!isInterlaced) return rows(width, height);
  return PASSES.reduce((sum, [x, y, dx, dy]) => {
    const [columns, lines] = [Math.ceil((width - x) / dx), Math.ceil((height - y) / dy)];
    return sum + rows(Math.max(0, columns), Math.max(0, lines));
  }, 0);
}

function chunk(type: string, data: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(CHUNK_BYTES + data.length);
  new DataView(bytes.buffer).setUint32(0, data.length);
  new TextEncoder().encodeInto(type, bytes.subarray(4));
  bytes.set(data, 8);
  return bytes;
}
