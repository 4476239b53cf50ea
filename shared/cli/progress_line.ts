// The live line of a command.
import { visible } from "../visible.ts";

/** The least time between two texts: more often nobody can read. */
const LEAST_MS = 100;

/** One line of stderr that is rewritten in place; silent where stderr is no terminal. */
export class ProgressLine {
  readonly #write: ((text: string) => void) | undefined;
  #shown = false;
  #last = 0;

  /**
   * Nothing is shown yet.
   * @param write takes text as it is, without adding a line end; undefined where there is no terminal to show it
   */
  constructor(write: ((text: string) => void) | undefined) {
    this.#write = write;
  }

  /** Shows a text, at most ten times a second. */
  show(text: string): void {
    const now = performance.now();
    if (this.#shown && now - this.#last < LEAST_MS) return;
    this.#write?.(`\r\x1b[2K${visible(text)}`);
    this.#shown = true;
    this.#last = now;
  }

  /** Takes the line away, so that other lines can be printed. */
  clear(): void {
    if (this.#shown) this.#write?.("\r\x1b[2K");
    this.#shown = false;
  }
}
