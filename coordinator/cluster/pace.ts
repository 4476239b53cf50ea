// How fast a worker is and how long to wait for it, from its own history. Pure: times are given, never read.

/** Bounds on how long a worker may take before others are asked too, in milliseconds; tests shorten them. */
export interface PaceLimits {
  /** No order is called late before this. */
  readonly floor: number;
  /** Any order is late after this, and this is what a worker without a history gets. */
  readonly ceiling: number;
}

export const PACE_LIMITS: PaceLimits = { floor: 2_000, ceiling: 15 * 60_000 };

/** How many median absolute deviations above the median an order may take. */
const DEVIATIONS = 8;
/** A deviation is at least this part of the median: a worker that was regular so far may slow down a little. */
const LEAST_DEVIATION = 0.125;
/** Finished orders that count. */
const MEMORY = 32;
/** Finished orders that the speed is taken from: a median of few, so that one stall is forgotten and a slow-down soon known. */
const RECENT = 5;

/** What a worker's finished orders took. */
export class Pace {
  readonly #limits: PaceLimits;
  readonly #perImage: number[] = [];
  /** Milliseconds an image: what is usual, how far it varies, and what is usual of late. Known when something is. */
  #usual: { readonly middle: number; readonly deviation: number; readonly recent: number } | undefined;

  constructor(limits: PaceLimits = PACE_LIMITS) {
    this.#limits = limits;
  }

  /** Images a second in recent training steps; undefined until measured. */
  get speed(): number | undefined {
    return this.#usual && 1000 / this.#usual.recent;
  }

  /** An order is finished. Only training counts as speed; what an evaluation takes is no measure of a step. */
  record(images: number, milliseconds: number, training: boolean): void {
    if (!training || images === 0 || milliseconds <= 0) return;
    this.#perImage.push(milliseconds / images);
    if (this.#perImage.length > MEMORY) this.#perImage.shift();
    const middle = medianOf(this.#perImage);
    const deviation = Math.max(medianOf(this.#perImage.map((one) => Math.abs(one - middle))), LEAST_DEVIATION * middle);
    this.#usual = { middle, deviation, recent: medianOf(this.#perImage.slice(-RECENT)) };
  }

  /** How long an order of so many images may take before it is late, in milliseconds: median + k·MAD, floor and ceiling. */
  patience(images: number): number {
    const { floor, ceiling } = this.#limits;
    if (this.#usual === undefined) return ceiling;
    const { middle, deviation } = this.#usual;
    return Math.min(ceiling, Math.max(floor, images * (middle + DEVIATIONS * deviation)));
  }
}

function medianOf(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2;
}
