// How long to wait for megabytes over a line of any speed: as long as they move. Nobody may dawdle for ever, so a least rate is
// asked for; what is faster may pause for a while, as a worker does that computes and cannot read meanwhile.

/** What must move, looked at again and again. */
export interface ProgressLimits {
  /** Between two looks, in milliseconds. */
  readonly lookMs: number;
  /** After so many looks at something that stands still, it has stalled. */
  readonly looks: number;
  /** A look that finds so many bytes more makes up for itself. */
  readonly bytesPerLook: number;
}

/** Stalled is what stands still for 60 s, or moves by less than 16 kB/s for longer. */
export const PROGRESS_LIMITS: ProgressLimits = { lookMs: 5_000, looks: 12, bytesPerLook: 80_000 };

/**
 * Judges whether something still moves. Knows no clock: it counts looks. A long computation delays looks and what they would
 * have found alike, and those that were delayed happen once.
 */
export class Progress {
  readonly #limits: ProgressLimits;
  #bytes: number;
  /** How many looks may find nothing yet. */
  #left: number;

  /** Begins to look. @param bytes that had moved when the wait began */
  constructor(bytes: number, limits: ProgressLimits = PROGRESS_LIMITS) {
    this.#limits = limits;
    this.#bytes = bytes;
    this.#left = limits.looks;
  }

  /** A look. @param bytes that have moved by now @returns whether it has stalled */
  hasStalled(bytes: number): boolean {
    const { looks, bytesPerLook } = this.#limits;
    this.#left = Math.min(looks, this.#left - 1 + (bytes - this.#bytes) / bytesPerLook);
    this.#bytes = bytes;
    return this.#left <= 0;
  }
}

/** The least that must move in so many milliseconds, in bytes. */
export function leastBytes(milliseconds: number): number {
  const { lookMs, bytesPerLook } = PROGRESS_LIMITS;
  return milliseconds * bytesPerLook / lookMs;
}

/** "16 kB/s for 60 s": what is too little, in words. */
export function leastProgress({ lookMs, looks, bytesPerLook }: ProgressLimits = PROGRESS_LIMITS): string {
  return `${bytesPerLook / lookMs} kB/s for ${looks * lookMs / 1000} s`;
}

/**
 * The promise's result, however long it takes while something moves.
 * @param bytes tells how many have moved so far
 * @param late makes what is thrown when they have stalled
 * @throws what the promise is rejected with, or `late()`
 */
export async function whileMoving<T>(
  promise: Promise<T>,
  { bytes, late, limits = PROGRESS_LIMITS }: {
    bytes(): number;
    late(): Error;
    readonly limits?: ProgressLimits | undefined;
  },
): Promise<T> {
  const progress = new Progress(bytes(), limits);
  const { promise: stalled, reject } = Promise.withResolvers<never>();
  const timer = setInterval(() => {
    if (progress.hasStalled(bytes())) reject(late());
  }, limits.lookMs);
  try {
    return await Promise.race([promise, stalled]);
  } finally {
    clearInterval(timer);
  }
}
