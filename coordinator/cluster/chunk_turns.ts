// Whose turn it is to be sent a chunk of the data set: each is megabytes that wait until the other end has read them.

/** So many are sent at once. More would not be faster, but for a network of many slow lines. */
const AT_ONCE = 32;

/** Turns, first come first served. */
export class ChunkTurns {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(atOnce = AT_ONCE) {
    this.#free = atOnce;
  }

  /** Waits for a turn, which lasts until it is disposed of. */
  async take(): Promise<Disposable> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    return { [Symbol.dispose]: () => this.#pass() };
  }

  #pass(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free++;
    else next();
  }
}
