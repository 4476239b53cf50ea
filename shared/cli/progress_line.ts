// How far a command is: live lines in a terminal, and a line now and then where its output goes elsewhere.
import { visible } from "../visible.ts";

/** The least time between two texts: more often nobody can read. */
const LEAST_MS = 100;
/** The same where each text is a line of a log. */
const SELDOM_MS = 30_000;

/** Where a live text is rewritten. */
export interface LiveSink {
  /** Writes text as it is, without adding a line end. */
  write(text: string): void;
  /** Characters of a line, as wide as it is now: a longer one would wrap, and could not be taken away again. */
  columns(): number;
}

/** One line of stderr, or a few, that are rewritten in place; where stderr is no terminal, a line of it every half minute. */
export class ProgressLine {
  readonly #sink: LiveSink | undefined;
  readonly #say: ((line: string) => void) | undefined;
  /** Lines that are shown. */
  #shown = 0;
  /** When a text was shown, or where there is no terminal, when one was or might have been first. */
  #last: number | undefined;

  /**
   * Nothing is shown yet.
   * @param sink undefined where there is no terminal to show it
   * @param say writes a line where there is none; without it nothing is shown there
   */
  constructor(sink: LiveSink | undefined, say?: (line: string) => void) {
    this.#sink = sink;
    this.#say = say;
  }

  /** Whether a person is at the terminal. */
  get isWatched(): boolean {
    return this.#sink !== undefined;
  }

  /** Shows lines, at most ten times a second. Those that are too long are cut. */
  show(...texts: readonly string[]): void {
    const now = performance.now();
    if (this.#sink === undefined) return this.#sayAt(now, texts);
    if (this.#shown > 0 && now - (this.#last ?? 0) < LEAST_MS) return;
    const most = Math.max(1, this.#sink.columns() - 1);
    const lines = texts.map((text) => Array.from(visible(text)).slice(0, most).join(""));
    this.#sink.write(this.#back() + lines.join("\n"));
    this.#shown = lines.length;
    this.#last = now;
  }

  #sayAt(now: number, texts: readonly string[]): void {
    this.#last ??= now;
    if (now - this.#last < SELDOM_MS) return;
    this.#last = now;
    this.#say?.(texts.map((text) => text.trim()).join("  "));
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
