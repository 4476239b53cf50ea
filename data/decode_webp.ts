// WebP files to RGB, by libwebp compiled to WebAssembly.
import moduleFactory from "@jsquash/webp/codec/dec/webp_dec.js";
import { bareWebp, hasWebpSignature, webpBytesHeld } from "./bare_webp.ts";
import { type ImageFormat, onWhite } from "./image_format.ts";
import { orientationOf, upright } from "./orientation.ts";
import wasm from "./webp_module.js";

/** What is used of the decoder. */
interface Decoder {
  /** Null, if the file is damaged. */
  decode(
    file: Uint8Array,
  ): { readonly width: number; readonly height: number; readonly data: ArrayLike<number> } | null;
}

/** Memory that WebAssembly has had it keeps: after an image of more pixels it begins anew. */
const MOST_KEPT_PIXELS = 4e6;

let decoder: Decoder | undefined;

/** Lossy and lossless ones; alpha is laid on white, animated ones are refused, colour profiles are ignored. */
export const webp: ImageFormat = {
  is: hasWebpSignature,
  bytesHeld: webpBytesHeld,
  async prepare() {
    decoder ??= await moduleFactory({
      noInitialRun: true,
      print: () => {},
      printErr: () => {},
      instantiateWasm(imports: WebAssembly.Imports, done: (instance: WebAssembly.Instance) => void) {
        const instance = new WebAssembly.Instance(wasm, imports);
        done(instance);
        return instance.exports;
      },
    }) as Decoder;
  },
  decode(bytes) {
    const bare = bareWebp(bytes);
    const { width, height } = bare;
    const own = decoder;
    if (own === undefined) throw new TypeError("WebP's decoder was not prepared");
    decoder = undefined; // one that fails is not used again
    const decoded = own.decode(bare.bytes);
    if (width * height <= MOST_KEPT_PIXELS) decoder = own;
    if (decoded === null || decoded.width !== width || decoded.height !== height) {
      throw new Error("its data is damaged");
    }
    const { data } = decoded;
    const pixels = new Uint8Array(width * height * 3);
    for (let from = 0, to = 0; to < pixels.length; from += 4, to += 3) {
      for (let i = 0; i < 3; i++) pixels[to + i] = onWhite(data[from + i]!, data[from + 3]!);
    }
    return upright({ width, height, pixels }, orientationOf(bare.exif));
  },
};
