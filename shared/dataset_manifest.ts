// What a worker on another machine must know before it fetches the packed data set.
import * as v from "valibot";

/** Bytes in every chunk but the last. */
export const CHUNK_BYTES = 8 * 1024 * 1024;

/** A packed data set in pieces. */
export interface DatasetManifest {
  /** Length of the whole file. */
  readonly byteLength: number;
  /** Bytes in every chunk but the last, which may be shorter. */
  readonly chunkBytes: number;
  /** The SHA-256 of each chunk, in hexadecimal. */
  readonly hashes: readonly string[];
}

const positive = v.pipe(v.number(), v.safeInteger(), v.minValue(1));

/** It comes over the network. */
export const DatasetManifestSchema: v.GenericSchema<DatasetManifest> = v.pipe(
  v.object({
    byteLength: positive,
    chunkBytes: v.pipe(positive, v.maxValue(CHUNK_BYTES)),
    hashes: v.array(v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/))),
  }),
  v.check(
    ({ byteLength, chunkBytes, hashes }) => hashes.length === Math.ceil(byteLength / chunkBytes),
    "the number of hashes does not fit the length",
  ),
);
