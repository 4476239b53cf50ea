// How far a worker's clock is from the coordinator's, from round trips: at some time between question and answer the worker's clock
// showed what it says. The best guess is the middle, and it is off by half the round trip at most. Pure.

/** So much two clocks may drift apart in a second. */
const DRIFT = 100e-6;

/** A question and its answer; all in one unit. */
export interface RoundTrip {
  /** By the clock here. */
  readonly asked: number;
  /** What the other clock showed. */
  readonly told: number;
  /** By the clock here. */
  readonly heard: number;
}

/** What is to be added to a worker's times. */
export class ClockOffset {
  #best: { readonly offset: number; readonly error: number; readonly heard: number } | undefined;

  /** Takes a round trip, if it says more than the best one before still does. */
  add({ asked, told, heard }: RoundTrip): void {
    const error = (heard - asked) / 2;
    if (error > this.errorAt(heard)) return;
    this.#best = { offset: asked + error - told, error, heard };
  }

  /** What to add to a time of the worker for a time here; undefined before the first round trip. */
  get offset(): number | undefined {
    return this.#best?.offset;
  }

  /** How far that may be off. */
  errorAt(now: number): number {
    return this.#best === undefined ? Infinity : this.#best.error + DRIFT * (now - this.#best.heard);
  }
}
