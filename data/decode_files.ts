// Image files to pixels, on all cores, in the order of the files: for data sets, and for whoever looks at single images. Files
// are read one after the other in this thread, so that the threads that decode need no permission, and no more of them are
// held at once than there is memory for, as their headers say.
import { setImmediate } from "node:timers/promises";
import { HerdError, messageOf } from "../shared/errors.ts";
import { bytesToDecode } from "./decode_image.ts";
import { DecodePool } from "./decode_pool.ts";
import { MOST_DECODE_BYTES } from "./image_limits.ts";
import { readRegular } from "./regular_file.ts";
import { type DecodeOrder, type SquareImage, squareImage } from "./square_image.ts";

/** An image that is to be decoded. */
export interface ImageInput {
  /** What to call it when speaking to people. */
  readonly name: string;
  /** Its bytes. @throws {HerdError} data, if they cannot be read */
  read(): Promise<Uint8Array>;
}

/** How images are decoded. */
export interface DecodeOptions {
  /** Side of the square in pixels: the largest centred square of an image is averaged to it. */
  readonly imageSize: number;
  /** How many threads decode; by default one a core, and fewer for few images. One is this thread itself. */
  readonly threads?: number | undefined;
  /** Ends the decoding at once. */
  readonly signal?: AbortSignal | undefined;
}

/** An image that was decoded, or the sentence that says why it was not. */
export type DecodedFile =
  & { readonly name: string }
  & ({ readonly image: SquareImage } | { readonly error: HerdError });

/** So few images are not worth another thread, which takes a while to begin. */
const IMAGES_A_THREAD = 64;
/** So many for each thread are being decoded, or wait for that or for their turn. */
const IMAGES_AHEAD = 2;

/** A file as an input; its name is its path. */
export function imageFile(path: string): ImageInput {
  return {
    name: path,
    async read() {
      try {
        return await readRegular(path);
      } catch (cause) {
        throw new HerdError("data", `Cannot read '${path}': ${messageOf(cause)}`, { cause });
      }
    },
  };
}

/**
 * Decodes images on all cores. Yields one for each input, in their order, while the next ones are decoded already; whoever does
 * not ask for more ends that.
 * @throws the signal's reason when aborted; anything that is no fault of a file
 */
export async function* decodeFiles(
  inputs: readonly ImageInput[],
  { imageSize, threads = threadsFor(inputs.length), signal }: DecodeOptions,
): AsyncGenerator<DecodedFile> {
  using pool = threads > 1 ? new DecodePool(threads) : undefined;
  const abort = () => pool?.end(signal?.reason);
  signal?.addEventListener("abort", abort);
  using _ = { [Symbol.dispose]: () => signal?.removeEventListener("abort", abort) };
  const running = new Set<Promise<unknown>>();
  const begun: Promise<DecodedFile>[] = [];
  let held = 0;
  for (let next = 0; next < inputs.length || begun.length > 0;) {
    while (next < inputs.length && begun.length < (pool ? IMAGES_AHEAD * threads : 1)) {
      // Decoding in this thread never waits: let Ctrl-C and timers through between two images.
      await setImmediate();
      signal?.throwIfAborted();
      const input = inputs[next++]!;
      const order = await named(input, async () => ({ name: input.name, bytes: await input.read(), imageSize }));
      if ("error" in order) {
        begun.push(Promise.resolve(order));
        continue;
      }
      const bytes = bytesToDecode(order.bytes);
      while (running.size > 0 && held + bytes > MOST_DECODE_BYTES) await Promise.race(running);
      held += bytes;
      const decoding = named(input, () => decodeOne(order, pool)).finally(() => {
        held -= bytes;
        running.delete(decoding);
      });
      decoding.catch(() => {}); // thrown when its turn comes
      running.add(decoding);
      begun.push(decoding);
    }
    yield await begun.shift()!;
  }
}

async function decodeOne(order: DecodeOrder, pool: DecodePool | undefined) {
  return { name: order.name, image: await (pool ? pool.decode(order) : squareImage(order)) };
}

/** What is wrong with a file is told with its name; anything else is thrown. */
async function named<T>(
  { name }: ImageInput,
  attempt: () => Promise<T>,
): Promise<T | { name: string; error: HerdError }> {
  try {
    return await attempt();
  } catch (error) {
    if (error instanceof HerdError && error.code === "data") return { name, error };
    throw error;
  }
}

function threadsFor(images: number): number {
  return Math.max(1, Math.min(navigator.hardwareConcurrency, Math.ceil(images / IMAGES_A_THREAD)));
}
