// How large an image may be that Herd decodes. All of it is known from the first bytes of a file, before anything is inflated
// or allocated: a few kilobytes must not become gigabytes. Photos of 50 megapixels pass.

/** Bytes of an image file, and of what an archive holds packed. */
export const MOST_FILE_BYTES = 256e6;
/** Pixels of an image. */
export const MOST_PIXELS = 64e6;
/** Bytes that are held at once while an image is decoded. */
export const MOST_DECODE_BYTES = 1.6e9;
/**
 * Blocks of 8 × 8 samples in all scans of a JPEG, and bytes of its tables. A decoder looks at no clock: this bounds its seconds, to
 * some ten.
 */
export const MOST_WORK = 20e6;
/** Milliseconds in which a file must yield some of its bytes. */
export const STALL_MS = 30_000;

/** Something is larger than Herd takes. The message says how large, and the limit. */
export class LimitError extends Error {}

/** @throws {LimitError} for more bytes than a file or an entry of an archive may have */
export function refuseLargeFile(bytes: number): void {
  if (bytes > MOST_FILE_BYTES) throw new LimitError(`it has ${megabytes(bytes)}, ${limit(MOST_FILE_BYTES)}`);
}

/**
 * @param bytesHeld at once, about, by whatever decodes an image of this size
 * @throws {LimitError} for too many pixels or bytes; Error, if there are no pixels
 */
export function refuseLargeImage(width: number, height: number, bytesHeld: number): void {
  if (width === 0 || height === 0) throw new Error(`its size is ${width}×${height}`);
  if (width * height > MOST_PIXELS) {
    throw new LimitError(`its header says ${width}×${height}, the limit is ${MOST_PIXELS / 1e6} megapixels`);
  }
  if (bytesHeld > MOST_DECODE_BYTES) {
    const takes = `its header says ${width}×${height}, which takes ${megabytes(bytesHeld)} to decode`;
    throw new LimitError(`${takes}, ${limit(MOST_DECODE_BYTES)}`);
  }
}

function limit(bytes: number): string {
  return `the limit is ${megabytes(bytes)}`;
}

function megabytes(bytes: number): string {
  return `${Math.ceil(bytes / 1e6)} MB`;
}
