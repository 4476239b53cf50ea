// The packed file: a data set decoded once, so that a worker finds image i by arithmetic and reads it in one go.
//
//   8 bytes   magic, with the format's version
//   4 bytes   length of the header, unsigned, little-endian
//   header    DatasetInfo as JSON, and spaces
//   labels    one byte a sample: train, then test
//   zeros     up to the next multiple of 4096, so that images start on a page
//   pixels    uint8, NHWC: train, then test
import * as v from "valibot";
import { HerdError, messageOf } from "../shared/errors.ts";
import type { DatasetInfo } from "./dataset_info.ts";

/** Part of the key of every packed file: a change of layout, or of what decoding gives, needs a new one. */
export const FORMAT_VERSION = 2;
export const PREFIX_BYTES = 12;
const MAGIC = "HERDSET2";
const PAGE = 4096;
const MAX_HEADER_BYTES = 1 << 20;
const SPACE = 0x20;

const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const InfoSchema = v.strictObject({
  name: v.string(),
  classes: v.array(v.string()),
  imageSize: v.pipe(count, v.minValue(1)),
  channels: v.literal(3),
  train: count,
  test: count,
  classCounts: v.record(v.string(), v.tuple([count, count])),
  sha256: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/)),
  skipped: v.strictObject({ count, files: v.array(v.string()) }),
  duplicates: v.exactOptional(v.strictObject({
    across: count,
    files: v.array(v.strictObject({ train: v.string(), test: v.string() })),
    within: v.strictObject({ train: count, test: count }),
  })),
});

/** Where things stand in a packed file, in bytes. */
export interface Layout {
  readonly labels: number;
  readonly pixels: number;
  readonly imageBytes: number;
  readonly fileBytes: number;
}

/** The layout that follows from a header of this length. */
export function layoutOf(info: DatasetInfo, headerBytes: number): Layout {
  const labels = PREFIX_BYTES + headerBytes;
  const samples = info.train + info.test;
  const pixels = Math.ceil((labels + samples) / PAGE) * PAGE;
  const imageBytes = info.imageSize ** 2 * info.channels;
  return { labels, pixels, imageBytes, fileBytes: pixels + samples * imageBytes };
}

/**
 * Magic, header length and header. Its length depends on the info's values, but not on which SHA-256 they hold.
 * @param length of the header, if it is to be longer
 */
export function encodeHeader(info: DatasetInfo, length = 0): Uint8Array<ArrayBuffer> {
  const json = new TextEncoder().encode(JSON.stringify(info));
  const bytes = new Uint8Array(PREFIX_BYTES + Math.max(length, json.length)).fill(SPACE);
  new TextEncoder().encodeInto(MAGIC, bytes);
  new DataView(bytes.buffer).setUint32(8, bytes.length - PREFIX_BYTES, true);
  bytes.set(json, PREFIX_BYTES);
  return bytes;
}

/** The header's length from the first bytes of a file. Throws HerdError "data". */
export function decodePrefix(prefix: Uint8Array, path: string): number {
  const magic = new TextDecoder().decode(prefix.subarray(0, MAGIC.length));
  if (prefix.length < PREFIX_BYTES || magic !== MAGIC) {
    throw new HerdError("data", `'${path}' is not a packed data set of this version of Herd: delete it and run again`);
  }
  const length = new DataView(prefix.buffer, prefix.byteOffset).getUint32(8, true);
  if (length > MAX_HEADER_BYTES) {
    throw new HerdError(
      "data",
      `The packed data set '${path}' claims a header of ${length} bytes: delete it and run again`,
    );
  }
  return length;
}

/** The info in a header. Throws HerdError "data". */
export function decodeInfo(header: Uint8Array, path: string): DatasetInfo {
  try {
    return v.parse(InfoSchema, JSON.parse(new TextDecoder().decode(header)));
  } catch (error) {
    throw new HerdError(
      "data",
      `The packed data set '${path}' has a damaged header (${messageOf(error)}): delete it and run again`,
      { cause: error },
    );
  }
}
