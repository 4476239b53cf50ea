// An image file on its way into a data set or a network: decoded, cropped to a square, averaged to the size that is asked for.
import { createHash } from "node:crypto";
import { decodeImage } from "./decode_image.ts";
import { toSquare } from "./resize.ts";

/** What is to be decoded. */
export interface DecodeOrder {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly imageSize: number;
}

/** An image at the size that was asked for. */
export interface SquareImage {
  /** Rows from the top, red, green and blue: imageSize² × 3 bytes. */
  readonly pixels: Uint8Array;
  /** What its file has, upright, in pixels. */
  readonly width: number;
  /** As the width. */
  readonly height: number;
  /** Of size and pixels before they were cropped and averaged: equal images have equal hashes. */
  readonly hash: string;
}

/** @throws {HerdError} data, calling the file by its name, if it cannot be decoded */
export async function squareImage({ name, bytes, imageSize }: DecodeOrder): Promise<SquareImage> {
  const image = await decodeImage(bytes, name);
  const { width, height } = image;
  const hash = createHash("sha256").update(`${width}×${height}`).update(image.pixels).digest("base64url").slice(0, 24);
  return { pixels: toSquare(image, imageSize), width, height, hash };
}
