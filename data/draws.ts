// A sequence of random numbers for one drawn image: the words of Threefry under the sample's key, one after another.
import { threefry, toUnit, type Words } from "../shared/threefry.ts";

export class Draws {
  readonly #key: Words;
  #calls = 0;
  #spare: number | undefined;

  constructor(key: Words) {
    this.#key = key;
  }

  /** The next 32 random bits. */
  word(): number {
    const spare = this.#spare;
    this.#spare = undefined;
    if (spare !== undefined) return spare;
    const [first, second] = threefry(this.#key[0], this.#key[1], 0, this.#calls++);
    this.#spare = second;
    return first;
  }

  /** Uniform in [low, high). */
  between(low: number, high: number): number {
    return low + (high - low) * toUnit(this.word());
  }

  /** Uniform among 0 … n−1, for n far below 2²⁴. */
  below(n: number): number {
    return Math.floor(n * toUnit(this.word()));
  }
}
