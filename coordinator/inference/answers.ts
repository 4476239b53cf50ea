// Any number of image files through the network: while some are computed the next ones are read, and no more are held.
import { HerdError } from "../../shared/errors.ts";
import { allFinite, type Predictions } from "../../shared/sums.ts";

/** What the network says of a file. */
export interface FileAnswer {
  /** As it was named. */
  readonly file: string;
  /** As many as the model has outputs. */
  readonly logits: Float32Array;
}

/** A file as pixels, or why there are none. */
export type LoadedFile =
  & { readonly name: string }
  & ({ readonly image: { readonly pixels: Uint8Array } } | { readonly error: HerdError });

/** What the files go through. */
export interface AnswerOptions {
  /** How many files are taken at once: twice as many slots are used. */
  readonly most: number;
  /** Reads files; yields one after the other, in their order. */
  load(files: readonly string[]): AsyncIterable<LoadedFile>;
  /** Puts an image where the workers find it. */
  write(slot: number, pixels: Uint8Array): void;
  /** Computes the images in these slots, in their order. */
  evaluate(slots: readonly number[]): Promise<Predictions>;
  /** Hears of each file that cannot be used. */
  onUnusable(error: HerdError): void;
  /** Ends the wait for files: its reason is thrown. */
  readonly signal: AbortSignal;
}

/**
 * Yields an answer for each file that can be read, in their order.
 * @throws {HerdError} divergence, if the network's answer to a file is not finite; what reading the files' names, loading and
 * computing throw; the signal's reason
 */
export async function* answersTo(files: AsyncIterable<string>, options: AnswerOptions): AsyncGenerator<FileAnswer> {
  const { most, evaluate, signal } = options;
  const names = files[Symbol.asyncIterator]();
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  aborted.catch(() => {}); // heard by whoever waits
  const abort = () => reject(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  try {
    signal.throwIfAborted();
    let first = 0;
    let loading = loadNext(names, first, options);
    while (true) {
      const loaded = await Promise.race([loading, aborted]);
      if (loaded === undefined) return;
      first = most - first; // the other half of the slots
      loading = loadNext(names, first, options);
      loading.catch(() => {}); // thrown when it is its turn
      if (loaded.length === 0) continue;
      const { losses, logits } = await evaluate(loaded.map(({ slot }) => slot));
      const width = logits.length / losses.length;
      for (const [i, { file }] of loaded.entries()) {
        const own = logits.slice(i * width, (i + 1) * width);
        if (!allFinite(own)) {
          throw new HerdError(
            "divergence",
            `What the model says of '${file}' is not finite: its weights are of no use`,
          );
        }
        yield { file, logits: own };
      }
    }
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

/** Takes the next files into slots from `first` on. @returns those that can be used; undefined, if there are no more files */
async function loadNext(
  names: AsyncIterator<string>,
  first: number,
  { most, load, write, onUnusable }: AnswerOptions,
): Promise<{ readonly file: string; readonly slot: number }[] | undefined> {
  const files: string[] = [];
  while (files.length < most) {
    const { done, value } = await names.next();
    if (done) break;
    files.push(value);
  }
  if (files.length === 0) return undefined;
  const loaded: { file: string; slot: number }[] = [];
  for await (const one of load(files)) {
    if ("error" in one) {
      onUnusable(one.error);
      continue;
    }
    const slot = first + loaded.length;
    write(slot, one.image.pixels);
    loaded.push({ file: one.name, slot });
  }
  return loaded;
}
