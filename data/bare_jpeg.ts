// A JPEG reduced to what its pixels depend on, checked before anything is allocated: the decoder sees one frame, its tables
// and scans, and none of what cameras and phones add (previews, profiles, comments, a film behind the end).
import { Buffer } from "node:buffer";
import { LimitError, MOST_WORK, refuseLargeImage } from "./image_limits.ts";

/** The second bytes of the markers that have names here. */
const Marker = {
  huffmanTables: 0xc4,
  start: 0xd8,
  end: 0xd9,
  scan: 0xda,
  quantization: 0xdb,
  restartInterval: 0xdd,
  app0: 0xe0,
  app1: 0xe1,
  /** Says how colours are coded. */
  app14: 0xee,
} as const;
/** Frames that the decoder reads: baseline, extended, progressive. */
const FRAMES: readonly number[] = [0xc0, 0xc1, 0xc2];
const KEPT: ReadonlySet<number> = new Set([
  ...FRAMES,
  Marker.huffmanTables,
  Marker.scan,
  Marker.quantization,
  Marker.restartInterval,
  Marker.app14,
]);
/** C0 to CF but tables and reserved ones: the frames of lossless, hierarchical and arithmetically coded images. */
const isFrame = (marker: number) => marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
const isRestart = (marker: number) => marker >= 0xd0 && marker <= 0xd7;
/** 01 and D0 to D9 stand alone. */
const hasLength = (marker: number) => marker > 0x01 && !(marker >= 0xd0 && marker <= 0xd9);

/** What jpeg-js holds for a block of 64 coefficients, as measured: mostly objects around them. */
const BLOCK_BYTES = 900;
/** And for a pixel, after its components: red, green and blue. */
const PIXEL_BYTES = 3;

interface Frame {
  /** Blocks of each component, by its id. */
  readonly blocks: ReadonlyMap<number, number>;
}

/**
 * A JPEG with the same pixels and nothing else in it.
 * @param bytes beginning with a JPEG's start marker
 * @throws {LimitError} if the image is too large to decode; Error, if it is damaged
 */
export function bareJpeg(bytes: Uint8Array): Uint8Array {
  const parts: Uint8Array[] = [Uint8Array.of(0xff, Marker.start)];
  let frame: Frame | undefined;
  let work = 0;
  for (let at = 2;;) {
    const { marker, start } = nextMarker(bytes, at);
    if (marker === Marker.end) break;
    at = start;
    if (!hasLength(marker)) continue;
    at += lengthAt(bytes, start);
    if (at > bytes.length || at < start + 2) throw new Error(`its segment ${hex(marker)} is cut short`);
    const content = bytes.subarray(start + 2, at);
    if (isFrame(marker)) {
      if (frame !== undefined) throw new Error("it has two frames");
      if (!FRAMES.includes(marker)) throw new Error(`it is coded in a way that is not read (${hex(marker)})`);
      frame = readFrame(content, bytes.length);
    }
    if (!KEPT.has(marker)) continue;
    work += marker === Marker.scan ? blocksOfScan(content, frame) : content.length;
    if (work > MOST_WORK) {
      const limit = `the limit is ${MOST_WORK / 1e6} million blocks and bytes`;
      throw new LimitError(`its scans go through its blocks too often, or it has too many tables, ${limit}`);
    }
    if (marker === Marker.scan) at = endOfScan(bytes, at);
    parts.push(Uint8Array.of(0xff, marker), bytes.subarray(start, at));
  }
  if (frame === undefined) throw new Error("it has no frame");
  return Buffer.concat([...parts, Uint8Array.of(0xff, Marker.end)]);
}

/** The marker that should be at a byte, and where what belongs to it starts. */
function nextMarker(bytes: Uint8Array, at: number): { marker: number; start: number } {
  const [byte = 0, next = 0] = bytes.subarray(at, at + 2);
  if (at + 1 >= bytes.length) throw new Error("it ends without an end marker");
  if (byte === 0xff) {
    let code = at + 1; // any number of FF may come before it
    while (bytes[code] === 0xff) code++;
    return { marker: bytes[code] ?? 0, start: code + 1 };
  }
  // Some encoders count a byte too many in the segment before,
  if (bytes[at - 1] === 0xff && byte >= 0xc0) return { marker: byte, start: at + 1 };
  // and some phones write 00 for the FF of a segment that is left out here.
  const isSlip = byte === 0 && (next === Marker.app0 || next === Marker.app1);
  if (isSlip && bytes[at + 2 + lengthAt(bytes, at + 2)] === 0xff) return { marker: next, start: at + 2 };
  throw new Error(`there is no marker at byte ${at}`);
}

/** The bytes of a segment, which it begins with; they count themselves. */
function lengthAt(bytes: Uint8Array, at: number): number {
  return (bytes[at] ?? 0) << 8 | (bytes[at + 1] ?? 0);
}

/** Where the coded data that follows a scan's segment ends: at the first marker but restarts; FF 00 is a byte of data. */
function endOfScan(bytes: Uint8Array, start: number): number {
  for (let at = bytes.indexOf(0xff, start); at >= 0; at = bytes.indexOf(0xff, at + 2)) {
    const next = bytes[at + 1] ?? 0;
    if (next !== 0 && !isRestart(next)) return at;
  }
  return bytes.length;
}

/** @param fileBytes of the whole image */
function readFrame(content: Uint8Array, fileBytes: number): Frame {
  const [height, width, count] = [lengthAt(content, 1), lengthAt(content, 3), content[5] ?? 0];
  if (![1, 3, 4].includes(count) || content.length !== 6 + 3 * count) throw new Error("its frame is damaged");
  const components = Array.from({ length: count }, (_, i) => {
    const [id = 0, sampling = 0] = content.subarray(6 + 3 * i);
    return { id, h: sampling >> 4, v: sampling & 15 };
  });
  const [mostH, mostV] = [Math.max(...components.map(({ h }) => h)), Math.max(...components.map(({ v }) => v))];
  if (components.some(({ h, v }) => h < 1 || v < 1) || mostH > 4 || mostV > 4) throw new Error("its frame is damaged");
  const [columns, rows] = [Math.ceil(width / 8), Math.ceil(height / 8)];
  const blocks = new Map(
    components.map(({ id, h, v }) => [id, Math.ceil(columns / mostH) * h * Math.ceil(rows / mostV) * v] as const),
  );
  const held = [...blocks.values()].reduce((sum, blocks) => sum + blocks * BLOCK_BYTES, 0);
  refuseLargeImage(width, height, held + width * height * (PIXEL_BYTES + count));
  // Each block that is seen takes a bit at least.
  const seen = components.reduce(
    (sum, { h, v }) => sum + Math.ceil(columns * h / mostH) * Math.ceil(rows * v / mostV),
    0,
  );
  if (seen > 8 * fileBytes) throw new Error(`its data is too short for the ${width}×${height} that its header says`);
  return { blocks };
}

/** How many blocks of samples a scan goes through. */
function blocksOfScan(content: Uint8Array, frame: Frame | undefined): number {
  const count = content[0] ?? 0;
  let blocks = 0;
  for (let i = 0; i < count; i++) {
    const of = frame?.blocks.get(content[1 + 2 * i] ?? -1);
    if (of === undefined) throw new Error("it has a scan of what its frame does not have");
    blocks += of;
  }
  return blocks;
}

function hex(marker: number): string {
  return `FF ${marker.toString(16).toUpperCase().padStart(2, "0")}`;
}
