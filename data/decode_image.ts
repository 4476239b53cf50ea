// Image files to 8-bit RGB. What a file is, its first bytes say, not its name.
import { HerdError, messageOf } from "../shared/errors.ts";
import type { RgbImage } from "./dataset_info.ts";
import { jpegFormat } from "./decode_jpeg.ts";
import { png } from "./decode_png.ts";
import { webp } from "./decode_webp.ts";
import { type ImageFormat, NotReadError } from "./image_format.ts";
import { LimitError } from "./image_limits.ts";

const FORMATS: readonly ImageFormat[] = [png, jpegFormat, webp];
const formatOf = (bytes: Uint8Array) => FORMATS.find((format) => format.is(bytes));

/**
 * Decodes a PNG, JPEG or WebP file to the image as it is to be seen: turned as its EXIF tag says, on white where it is
 * transparent, 16 bits rounded to 8. Colour profiles are ignored.
 * @throws {HerdError} data, calling the file by `name`
 */
export async function decodeImage(bytes: Uint8Array, name: string): Promise<RgbImage> {
  if (bytes.length === 0) throw new HerdError("data", `The image '${name}' is empty: replace or remove it`);
  const format = formatOf(bytes);
  if (!format) throw new HerdError("data", `'${name}' is neither a PNG, JPEG nor WebP image: replace or remove it`);
  await format.prepare?.();
  try {
    return format.decode(bytes);
  } catch (error) {
    const what = error instanceof LimitError
      ? "too large"
      : error instanceof NotReadError
      ? "of a kind that is not read"
      : "damaged or cut short";
    throw new HerdError("data", `The image '${name}' is ${what} (${messageOf(error)}): replace or remove it`, {
      cause: error,
    });
  }
}

/** Bytes that are held while an image is decoded, about, as its header says; where that cannot be told, it is refused soon. */
export function bytesToDecode(bytes: Uint8Array): number {
  try {
    return bytes.length + (formatOf(bytes)?.bytesHeld(bytes) ?? 0);
  } catch {
    return bytes.length;
  }
}
