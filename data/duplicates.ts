// Images that are in a data set more than once. Across the splits they are the commonest way to a test figure that is too good.
import type { Duplicates, Split } from "./dataset_info.ts";

/** Bytes that what is found takes in a packed file's header, at most. */
export const DUPLICATES_BYTES = 1 << 14;
/** So many pairs are named, at most. */
const MOST_PAIRS = 10;

/** Hears of the images of a set, the training images first. */
export class DuplicateFinder {
  readonly #names: Record<Split, Map<string, string>> = { train: new Map(), test: new Map() };
  readonly #within: Record<Split, number> = { train: 0, test: 0 };
  readonly #pairs: { train: string; test: string }[] = [];
  #across = 0;

  /** @param hash the same for images that are the same */
  add(split: Split, hash: string, name: string): void {
    const { train, test } = this.#names;
    const twin = split === "test" ? train.get(hash) : undefined;
    if (twin !== undefined) {
      this.#across++;
      if (this.#pairs.length < MOST_PAIRS) this.#pairs.push({ train: twin, test: name });
    }
    const own = split === "train" ? train : test;
    if (own.has(hash)) this.#within[split]++;
    else own.set(hash, name);
  }

  /** What was found; undefined if there was no image. */
  get duplicates(): Duplicates | undefined {
    if (this.#names.train.size + this.#names.test.size === 0) return undefined;
    const files = asManyAs(this.#pairs, DUPLICATES_BYTES - 300); // for the counts
    return { across: this.#across, files, within: { ...this.#within } };
  }
}

/** The first of some values, as many as fit into so many bytes of JSON. */
export function asManyAs<T>(values: readonly T[], bytes: number): T[] {
  let room = bytes;
  return values.filter((value) => (room -= new TextEncoder().encode(JSON.stringify(value)).length + 1) >= 0);
}
