// How fast a worker is and how long to wait for it, from its own history. Pure: times are given, never read.

/** Bounds on how long a worker may take before others are asked too, in milliseconds; tests shorten them. */
export interface PaceLimits {
  /** No order is called late before this. */
  readonly floor: number;
  /** Any order is late after this, and this is what a worker without a history gets. */
  readonly ceiling: number;
}

/** The bounds in use. */
export const PACE_LIMITS: PaceLimits = { floor: 2_000, ceiling: 15 * 60_000 };

/** How many median absolute deviations above the median an order may take. */
const DEVIATIONS = 8;
/** A deviation is at least this part of the median: a worker that was regular so far may slow down a little. */
const LEAST_DEVIATION = 0.125;
/** Finished orders that count. */
const MEMORY = 32;
/** Finished orders that the speed is taken from: a median of few, so that one stall is forgotten and a slow-down soon known. */
const RECENT = 5;
/** How much longer than the slowest of the others a worker without a history may take. */
const NEWCOMER = 4;

/** What a worker's finished orders took. */
export class Pace {
  readonly #limits: PaceLimits;
  readonly #perImage: number[] = [];
  /** Milliseconds an image: the most that is usual, and what is usual of late. Known when something is. */
  #usual: { readonly most: number; readonly recent: number } | undefined;

  constructor(limits: PaceLimits = PACE_LIMITS) {
    this.#limits = limits;
  }

  /** Images a second in recent training steps; undefined until measured. */
  get speed(): number | undefined {
    return this.#usual && 1000 / this.#usual.recent;
  }

  /** An order of a training step is finished; what it took is no measure if it had no images. */
  record(images: number, milliseconds: number): void {
    if (images === 0 || milliseconds <= 0) return;
    this.#perImage.push(milliseconds / images);
    if (this.#perImage.length > MEMORY) this.#perImage.shift();
    const middle = medianOf(this.#perImage);
    const deviation = Math.max(medianOf(this.#perImage.map((one) => Math.abs(one - middle))), LEAST_DEVIATION * middle);
    this.#usual = { most: middle + DEVIATIONS * deviation, recent: medianOf(this.#perImage.slice(-RECENT)) };
  }

  /**
   * How long an order of so many images may take before it is late, in milliseconds: median + k·MAD, floor and ceiling.
   * @param slowest of the others: without an own history, theirs is what there is to go by
   */
  patience(images: number, slowest?: Pace): number {
    const { floor, ceiling } = this.#limits;
    if (this.#usual !== undefined) return Math.min(ceiling, Math.max(floor, images * this.#usual.most));
    return Math.min(ceiling, slowest === undefined ? Infinity : NEWCOMER * slowest.patience(images));
  }

  /** The one that the most patience is had with, of those that are measured. */
  static slowest(paces: Iterable<Pace>): Pace | undefined {
    let [slowest, most]: [Pace | undefined, number] = [undefined, 0];
    for (const pace of paces) {
      if (pace.#usual !== undefined && pace.#usual.most > most) [slowest, most] = [pace, pace.#usual.most];
    }
    return slowest;
  }
}

function medianOf(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2;
}
