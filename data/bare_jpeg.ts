// A JPEG reduced to what its pixels depend on, checked before anything is allocated: the decoder sees one frame, its tables
// and scans, and none of what cameras and phones add (previews, profiles, comments, a film behind the end). The decoder does
// not look at lengths everywhere: so every segment must be as long as what it holds, and every scan have its restarts, or
// else it could be led to markers that were not looked at here.
import { Buffer } from "node:buffer";
import { NotReadError } from "./image_format.ts";
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

interface Component {
  /** Blocks that are held, and those that a scan of this component alone goes through. */
  readonly blocks: number;
  readonly seen: number;
}

interface Frame {
  /** By their ids. */
  readonly components: ReadonlyMap<number, Component>;
  /** Groups of blocks that a scan of several components goes through. */
  readonly units: number;
  readonly width: number;
  readonly height: number;
}

/** Photos have some twenty, progressive ones two hundred; each costs memory, however short it is. */
const MOST_SEGMENTS = 10_000;

/**
 * A JPEG with the same pixels and nothing else in it.
 * @param bytes beginning with a JPEG's start marker
 * @throws {LimitError} if the image is too large to decode; Error, if it is damaged
 */
export function bareJpeg(bytes: Uint8Array): Uint8Array {
  const parts: Uint8Array[] = [Uint8Array.of(0xff, Marker.start)];
  let frame: Frame | undefined;
  let interval = 0;
  let work = 0;
  for (let at = 2, segments = 0;; segments++) {
    if (segments > MOST_SEGMENTS) {
      throw new LimitError(`it has more than ${MOST_SEGMENTS} segments, which is the limit`);
    }
    const { marker, start } = nextMarker(bytes, at);
    if (marker === Marker.end) break;
    at = start;
    if (!hasLength(marker)) continue;
    at += lengthAt(bytes, start);
    if (at > bytes.length || at < start + 2) throw new Error(`its segment ${hex(marker)} is cut short`);
    const content = bytes.subarray(start + 2, at);
    if (isFrame(marker)) {
      if (frame !== undefined) throw new Error("it has two frames");
      if (!FRAMES.includes(marker)) throw new NotReadError(`it is coded in a rare way, ${hex(marker)}`);
      frame = readFrame(content);
      refuseFrame(frame, bytes.length);
    }
    if (!KEPT.has(marker)) continue;
    if (lengthOf(marker, content) !== content.length) throw new Error(`its segment ${hex(marker)} has a wrong length`);
    parts.push(Uint8Array.of(0xff, marker), bytes.subarray(start, at));
    if (marker === Marker.restartInterval) interval = lengthAt(content, 0);
    if (marker === Marker.scan) {
      const scan = readScan(content, frame);
      const coded = codedData(bytes, at);
      const restarts = interval === 0 ? 0 : Math.ceil(scan.units / interval) - 1;
      if (coded.restarts !== restarts) throw new Error(`a scan has ${coded.restarts} restarts instead of ${restarts}`);
      parts.push(bytes.subarray(at, coded.end));
      at = coded.next;
      work += scan.blocks;
    }
    work += content.length;
    if (work > MOST_WORK) {
      const limit = `the limit is ${MOST_WORK / 1e6} million blocks and bytes`;
      throw new LimitError(`its scans go through its blocks too often, or it has too many tables, ${limit}`);
    }
  }
  if (frame === undefined) throw new Error("it has no frame");
  return Buffer.concat([...parts, Uint8Array.of(0xff, Marker.end)]);
}

/** Bytes that are held while a JPEG is decoded; 0, if it has no frame before its first scan. @throws {Error} if it is damaged */
export function jpegBytesHeld(bytes: Uint8Array): number {
  for (const { marker, content } of segmentsOf(bytes)) if (isFrame(marker)) return heldBy(readFrame(content));
  return 0;
}

/** What the pixels of a JPEG are to be taken for. */
export interface JpegNotes {
  readonly exif: Uint8Array | undefined;
  /** Whether its components are red, green and blue instead of luminance and two of colour. */
  readonly isRgb: boolean;
}

/** @param bytes of a JPEG that {@linkcode bareJpeg} has found sound */
export function jpegNotes(bytes: Uint8Array): JpegNotes {
  const begins = (content: Uint8Array, text: string) => [...text].every((one, i) => content[i] === one.charCodeAt(0));
  let exif: Uint8Array | undefined;
  let isRgb = false;
  for (const { marker, content } of segmentsOf(bytes)) {
    if (marker === Marker.app1 && begins(content, "Exif\0\0")) exif ??= content.subarray(6);
    if (marker === Marker.app14 && begins(content, "Adobe")) isRgb = content[11] === 0;
  }
  return { exif, isRgb };
}

/** The segments before the first scan. */
function* segmentsOf(bytes: Uint8Array): Generator<{ readonly marker: number; readonly content: Uint8Array }> {
  for (let at = 2, segments = 0; segments < MOST_SEGMENTS; segments++) {
    const { marker, start } = nextMarker(bytes, at);
    if (marker === Marker.scan || marker === Marker.end) return;
    at = start + (hasLength(marker) ? lengthAt(bytes, start) : 0);
    if (hasLength(marker)) yield { marker, content: bytes.subarray(start + 2, at) };
  }
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

/** How long the content of a segment must be, as it says itself; NaN if that makes no sense. */
function lengthOf(marker: number, content: Uint8Array): number {
  if (marker === Marker.restartInterval) return 2;
  if (marker === Marker.scan) return 4 + 2 * (content[0] ?? 0);
  if (marker !== Marker.quantization && marker !== Marker.huffmanTables) return content.length;
  let length = 0;
  while (length < content.length) {
    const counts = content.subarray(length + 1, length + 17);
    const precision = content[length]! >> 4;
    if (marker === Marker.huffmanTables) length += 17 + counts.reduce((sum, count) => sum + count, 0);
    else length += precision < 2 ? 1 + 64 * (precision + 1) : NaN;
  }
  return length;
}

/**
 * The coded data that follows a scan's segment, up to the first marker but restarts; FF 00 is a byte of data. Restarts at its
 * end, where nothing follows, do not count.
 */
function codedData(bytes: Uint8Array, start: number): { end: number; next: number; restarts: number } {
  let next = bytes.length;
  let restarts = 0;
  for (let at = bytes.indexOf(0xff, start); at >= 0; at = bytes.indexOf(0xff, at + 2)) {
    const code = bytes[at + 1] ?? 0;
    if (isRestart(code)) restarts++;
    else if (code !== 0) {
      next = at;
      break;
    }
  }
  let end = next;
  for (; restarts > 0 && bytes[end - 2] === 0xff && isRestart(bytes[end - 1]!); end -= 2) restarts--;
  return { end, next, restarts };
}

function readFrame(content: Uint8Array): Frame {
  const [height, width, count] = [lengthAt(content, 1), lengthAt(content, 3), content[5] ?? 0];
  const sampled = Array.from({ length: count }, (_, i) => {
    const [id = 0, sampling = 0] = content.subarray(6 + 3 * i);
    return { id, h: sampling >> 4, v: sampling & 15 };
  });
  const [mostH, mostV] = [Math.max(...sampled.map(({ h }) => h)), Math.max(...sampled.map(({ v }) => v))];
  const [columns, rows] = [Math.ceil(width / 8), Math.ceil(height / 8)];
  const units = Math.ceil(columns / mostH) * Math.ceil(rows / mostV);
  const components = new Map(sampled.map(({ id, h, v }) => {
    const seen = Math.ceil(columns * h / mostH) * Math.ceil(rows * v / mostV);
    return [id, { blocks: units * h * v, seen }] as const;
  }));
  if (count === 4) throw new NotReadError("it is of CMYK colours: save it in RGB");
  const isSound = [1, 3].includes(count) && content.length === 6 + 3 * count && components.size === count &&
    sampled.every(({ h, v }) => h >= 1 && v >= 1) && mostH <= 4 && mostV <= 4;
  if (!isSound) throw new Error("its frame is damaged");
  return { components, units, width, height };
}

function refuseFrame(frame: Frame, fileBytes: number): void {
  const { width, height } = frame;
  refuseLargeImage(width, height, heldBy(frame));
  // Each block takes a bit at least.
  if (sumOf(frame, "seen") > 8 * fileBytes) {
    throw new Error(`its data is too short for the ${width}×${height} that its header says`);
  }
}

function heldBy(frame: Frame): number {
  const { width, height, components } = frame;
  return BLOCK_BYTES * sumOf(frame, "blocks") + width * height * (PIXEL_BYTES + components.size);
}

function sumOf({ components }: Frame, of: keyof Component): number {
  return [...components.values()].reduce((sum, component) => sum + component[of], 0);
}

/** How many blocks a scan goes through, and in how many units, between which there may be restarts. */
function readScan(content: Uint8Array, frame: Frame | undefined): { blocks: number; units: number } {
  const ids = Array.from({ length: content[0]! }, (_, i) => content[1 + 2 * i]!);
  const components = ids.map((id) => frame?.components.get(id));
  const [first] = components;
  if (frame === undefined || first === undefined) throw new Error("it has a scan of nothing that its frame has");
  const blocks = components.reduce((sum, component) => sum + (component?.blocks ?? NaN), 0);
  if (Number.isNaN(blocks)) throw new Error("it has a scan of what its frame does not have");
  return { blocks, units: components.length === 1 ? first.seen : frame.units };
}

function hex(marker: number): string {
  return `FF ${marker.toString(16).toUpperCase().padStart(2, "0")}`;
}
