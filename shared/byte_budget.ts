// What the queues of all connections together may hold. Each connection is bounded too, but a thousand of them would still be
// more than a machine has.

/** Whoever has bytes in a queue. */
export interface Holder {
  /** The budget is exceeded, and this one has held its bytes for the longest time: it is to let go of them. */
  drop(): void;
}

/**
 * Counts bytes. When there are too many, not whoever brings the last ones has to go, but whoever has moved nothing for the
 * longest time: an honest peer lets go of its bytes at once, or moves them.
 */
export class ByteBudget {
  readonly #most: number;
  /** The one that has moved nothing for the longest time comes first. */
  readonly #held = new Map<Holder, number>();
  #total = 0;

  /** Nothing is held yet. @param most bytes at once */
  constructor(most: number) {
    this.#most = most;
  }

  /** Bytes that are held now. */
  get total(): number {
    return this.#total;
  }

  /** A holder has more bytes, or fewer. What is more counts from now on if it had none. */
  change(holder: Holder, by: number): void {
    const before = this.#held.get(holder) ?? 0;
    const after = Math.max(0, before + by);
    if (after === 0) this.#held.delete(holder);
    else this.#held.set(holder, after);
    this.#total += after - before;
    while (this.#total > this.#most) {
      const [longest] = this.#held.keys();
      this.release(longest!);
      longest!.drop();
    }
  }

  /** A holder has moved something. */
  renew(holder: Holder): void {
    const bytes = this.#held.get(holder);
    if (bytes === undefined) return;
    this.#held.delete(holder);
    this.#held.set(holder, bytes);
  }

  /** A holder is gone, and its bytes with it. */
  release(holder: Holder): void {
    this.#total -= this.#held.get(holder) ?? 0;
    this.#held.delete(holder);
  }
}
