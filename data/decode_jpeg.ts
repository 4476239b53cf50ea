// JPEG files, baseline and progressive, to RGB.
import jpeg from "jpeg-js";
import { bareJpeg, jpegBytesHeld, jpegNotes } from "./bare_jpeg.ts";
import type { ImageFormat } from "./image_format.ts";
import { MOST_DECODE_BYTES, MOST_PIXELS } from "./image_limits.ts";
import { orientationOf, upright } from "./orientation.ts";

/** Grey ones and those of three components; colour profiles are ignored. */
export const jpegFormat: ImageFormat = {
  is: (bytes) => bytes[0] === 0xff && bytes[1] === 0xd8 && bytes[2] === 0xff,
  bytesHeld: jpegBytesHeld,
  decode(bytes) {
    const bare = bareJpeg(bytes);
    const { exif, isRgb } = jpegNotes(bytes);
    const { width, height, data } = jpeg.decode(bare, {
      useTArray: true,
      formatAsRGBA: false,
      tolerantDecoding: false,
      maxResolutionInMP: MOST_PIXELS / 1e6,
      maxMemoryUsageInMB: MOST_DECODE_BYTES / 2 ** 20,
      ...isRgb && { colorTransform: false },
    });
    return upright({ width, height, pixels: data }, orientationOf(exif));
  },
};
