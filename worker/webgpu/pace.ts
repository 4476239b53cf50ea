// How far submissions run ahead of the device. Waiting is for everything that was submitted, so that the device idles from the end of
// a wait to the next submission: the more leaves a wait covers, the less of that; but each wait is also a sign of life.

/** Leaves at least, so that the next is up when the present one ends. */
const LEAST = 2;
/** What the leaves of a wait may take, in milliseconds. */
const WAIT_MS = 100;

/** Counts the leaves in flight. */
export class Pace {
  readonly #done: () => Promise<void>;
  readonly #onLeaf: () => void;
  #inFlight = 0;
  #most = LEAST;
  #started = 0;

  /**
   * @param done returns when the device is done with all that was submitted
   * @param onLeaf is called for each leaf that is done
   */
  constructor(done: () => Promise<void>, onLeaf: () => void) {
    this.#done = done;
    this.#onLeaf = onLeaf;
  }

  /** A leaf was submitted: waits where there are enough. */
  async submitted(): Promise<void> {
    if (this.#inFlight++ === 0) this.#started = performance.now();
    if (this.#inFlight < this.#most) return;
    await this.#done();
    this.#most = Math.max(LEAST, Math.floor(WAIT_MS * this.#inFlight / (performance.now() - this.#started)));
    this.finished();
    // Lets the event loop turn.
    await new Promise((resolve) => setTimeout(resolve, 0));
  }

  /** All that was submitted is done. */
  finished(): void {
    for (; this.#inFlight > 0; this.#inFlight--) this.#onLeaf();
  }
}
