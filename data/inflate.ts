// Inflating what is known to give so many bytes: it stops at the first one more, whatever else the packed bytes hold.
import { inflateRawSync, inflateSync } from "node:zlib";

/**
 * The bytes of a deflate stream.
 * @param options how many they are, and whether the stream stands alone ("raw") or in the frame of RFC 1950 ("zlib")
 * @throws {Error} if they are more or fewer, or the stream is damaged
 */
export function inflateExactly(
  packed: Uint8Array,
  { bytes, frame }: { readonly bytes: number; readonly frame: "raw" | "zlib" },
): Uint8Array {
  const inflate = frame === "raw" ? inflateRawSync : inflateSync;
  let inflated: Uint8Array;
  try {
    // One byte more than needed, so that the whole lies in a single piece.
    inflated = inflate(packed, { maxOutputLength: Math.max(1, bytes), chunkSize: Math.max(64, bytes + 1) });
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new Error(`its data gives more than the ${bytes} bytes that its header says`, { cause: error });
  }
  if (inflated.length < bytes) throw new Error(`its data is too short for the ${bytes} bytes that its header says`);
  return inflated;
}
