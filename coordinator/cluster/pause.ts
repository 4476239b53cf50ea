// A run without any worker waits for one, but not for ever.
import { HerdError } from "../../shared/errors.ts";
import type { Tally } from "./tally.ts";

/** The wait for a worker when none is left. */
export class Pause {
  readonly #timeoutMs: number;
  readonly #tally: Tally;
  readonly #giveUp: (error: HerdError) => void;
  #running: { readonly since: number; readonly timer: ReturnType<typeof setTimeout> } | undefined;

  /** @param giveUp is called when nobody has come in time */
  constructor(timeoutMs: number, tally: Tally, giveUp: (error: HerdError) => void) {
    this.#timeoutMs = timeoutMs;
    this.#tally = tally;
    this.#giveUp = giveUp;
  }

  /** Nobody is there; if that is not new, the wait goes on. */
  begin(): void {
    if (this.#running !== undefined) return;
    const seconds = Math.round(this.#timeoutMs / 1000);
    this.#tally.count("pauses", 1, `No worker is left: the run waits up to ${seconds} s for one`);
    const timer = setTimeout(
      () => this.#giveUp(new HerdError("cluster", `No worker came within ${seconds} s (--worker-timeout)`)),
      this.#timeoutMs,
    );
    this.#running = { since: performance.now(), timer };
  }

  /** @param goesOn whether the wait ends because there is a worker */
  end(goesOn: boolean): void {
    if (this.#running === undefined) return;
    const { since, timer } = this.#running;
    this.#running = undefined;
    clearTimeout(timer);
    const seconds = (performance.now() - since) / 1000;
    this.#tally.count("pausedSeconds", seconds, goesOn ? "The run goes on" : undefined);
  }
}
