// What must be known of a format of image files, and what all of them share.
import type { RgbImage } from "./dataset_info.ts";

/** A format of image files. */
export interface ImageFormat {
  /** Whether a file begins as one of this format does. */
  is(bytes: Uint8Array): boolean;
  /** Bytes that are held while a file is decoded, about, as its header says. @throws {Error} if it has no sound header */
  bytesHeld(bytes: Uint8Array): number;
  /** Gets ready what decodes it, if that takes a while. */
  prepare?(): Promise<void>;
  /**
   * The image as it is to be seen: upright, and on white where it is transparent.
   * @throws {LimitError} if it is too large; NotReadError, if it is of a kind that is not read; Error, if it is damaged
   */
  decode(bytes: Uint8Array): RgbImage;
}

/** An image that may be sound, but is not read. The message says what it is and what to do. */
export class NotReadError extends Error {}

/** A sample of a pixel laid on white. @param alpha 0 for none of it, 255 for all */
export function onWhite(sample: number, alpha: number): number {
  return alpha === 255 ? sample : Math.floor((sample * alpha + 255 * (255 - alpha) + 127) / 255);
}
