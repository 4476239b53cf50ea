// How long to wait for a sign of life. A worker computes a leaf without a pause and cannot answer meanwhile, so the deadline
// follows what its leaves have taken of late. Pure: times are given, never read.

/** Bounds on a worker's silence, in milliseconds; tests shorten them. */
export interface LeafLimits {
  /** The most that is allowed, and what is before anything is known. */
  readonly first: number;
  /** The least that is allowed at any time. */
  readonly floor: number;
}

/** The bounds in use: a leaf of 8 images at 300 px takes 400 s on the slowest engine. */
export const LEAF_LIMITS: LeafLimits = { first: 15 * 60_000, floor: 30_000 };

/** So much longer than the slowest leaf of late may one take. */
const FACTOR = 20;
/** Leaves of late: a stall is forgotten after so many. */
const MEMORY = 16;

/** What a worker's last leaves took. */
export class LeafTimes {
  readonly #recent: number[] = [];

  /** Leaves are done, and what they took together. */
  record(leaves: number, milliseconds: number): void {
    if (leaves === 0) return;
    this.#recent.push(milliseconds / leaves);
    if (this.#recent.length > MEMORY) this.#recent.shift();
  }

  /**
   * The longest silence to allow while a worker computes a leaf, in milliseconds.
   * @param estimate what the worker thinks that its first leaf takes
   */
  deadline({ first, floor }: LeafLimits, estimate: number): number {
    const slowest = this.#recent.length === 0 ? estimate : Math.max(...this.#recent);
    return Math.min(first, Math.max(floor, FACTOR * slowest));
  }
}
