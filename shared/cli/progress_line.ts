// The live lines of a command.
import { visible } from "../visible.ts";

/** The least time between two texts: more often nobody can read. */
const LEAST_MS = 100;

/** Where a live text is rewritten. */
export interface LiveSink {
  /** Writes text as it is, without adding a line end. */
  write(text: string): void;
  /** Characters of a line, as wide as it is now: a longer one would wrap, and could not be taken away again. */
  columns(): number;
}

/** One line of stderr, or a few, that are rewritten in place; silent where stderr is no terminal. */
export class ProgressLine {
  readonly #sink: LiveSink | undefined;
  /** Lines that are shown. */
  #shown = 0;
  #last = 0;

  /**
   * Nothing is shown yet.
   * @param sink undefined where there is no terminal to show it
   */
  constructor(sink: LiveSink | undefined) {
    this.#sink = sink;
  }

  /** Whether a person is at the terminal. */
  get isWatched(): boolean {
    return this.#sink !== undefined;
  }

  /** Shows lines, at most ten times a second. Those that are too long are cut. */
  show(...texts: readonly string[]): void {
    const now = performance.now();
    if (this.#sink === undefined || (this.#shown > 0 && now - this.#last < LEAST_MS)) return;
    const most = Math.max(1, this.#sink.columns() - 1);
    const lines = texts.map((text) => Array.from(visible(text)).slice(0, most).join(""));
    this.#sink.write(this.#back() + lines.join("\n"));
    this.#shown = lines.length;
    this.#last = now;
  }

  /** Takes the text away, so that other lines can be printed. */
  clear(): void {
    if (this.#shown > 0) this.#sink?.write(this.#back());
    this.#shown = 0;
  }

  /** Empties the lines that are shown, from the last one up. */
  #back(): string {
    return `\r\x1b[2K${"\x1b[1A\x1b[2K".repeat(Math.max(0, this.#shown - 1))}`;
  }
}
