// Measures what a worker's answers take, in a run that is traced.
import {
  type AnswerSpans,
  MOST_PHASES,
  type Phase,
  type PhaseListener,
  PHASES,
  type PhaseSpan,
} from "../shared/spans.ts";

/** What is known of an answer before it is sent. */
export type MadeSpans = Pick<AnswerSpans, "made" | "phases">;

/** Takes the time of one order after another. */
export class SpanRecorder {
  readonly #clock: () => number;
  #since = 0;
  #leaves: { readonly start: number; readonly end: number; readonly totals: ReadonlyMap<Phase, number> }[] = [];
  /** Of the leaf under way. */
  #leafStart = 0;
  #totals = new Map<Phase, number>();
  #phase: { readonly name: Phase; readonly start: number } | undefined;

  /** @param clock in milliseconds */
  constructor(clock: () => number = () => performance.now()) {
    this.#clock = clock;
  }

  /** In whole microseconds. */
  get now(): number {
    return Math.round(1000 * this.#clock());
  }

  /** An order is taken up. */
  begin(): void {
    this.#since = this.#clock();
    this.#leaves = [];
    this.#totals = new Map();
    this.#phase = undefined;
  }

  /** An engine may go from image to image and back between phases: each leaf's are added up. */
  readonly hear: PhaseListener = (name) => {
    const now = this.#clock();
    if (this.#totals.size === 0 && this.#phase === undefined) this.#leafStart = now;
    if (this.#phase !== undefined) {
      const { name: before, start } = this.#phase;
      this.#totals.set(before, (this.#totals.get(before) ?? 0) + now - start);
    }
    this.#phase = name === null ? undefined : { name, start: now };
    if (name !== null) return;
    if (PHASES.length * (this.#leaves.length + 1) <= MOST_PHASES) {
      this.#leaves.push({ start: this.#leafStart, end: now, totals: this.#totals });
    }
    this.#totals = new Map();
  };

  /** An answer is there. @param leaf its first one */
  cut(leaf: number): MadeSpans {
    const now = this.#clock();
    const made = [micro(this.#since), micro(now)] as const;
    const phases = this.#leaves.flatMap(({ start, end, totals }, i) => {
      const spans: PhaseSpan[] = [];
      let from = start;
      for (const name of PHASES) {
        const total = totals.get(name);
        if (total === undefined) continue;
        const to = Math.min(from + total, end); // sums of fractions may differ in their last bit
        spans.push([name, leaf + i, micro(from), micro(to)]);
        from = to;
      }
      return spans;
    });
    this.#since = now;
    this.#leaves = [];
    return { made, phases };
  }
}

function micro(milliseconds: number): number {
  return Math.round(1000 * milliseconds);
}
