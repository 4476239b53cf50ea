// Where what a worker tells of its time belongs in the coordinator's time. Nothing that it says is relied on. Pure.
import type { AnswerSpans, Span } from "../../shared/spans.ts";

/** What is known here; in microseconds. */
export interface Known {
  /** To be added to the worker's times, and how far that may be off. */
  readonly offset: number;
  readonly error: number;
  /** The order had not been given before that, and its answer has been heard by then. */
  readonly ordered: number;
  readonly heard: number;
  /** The ends of what was placed last of this worker. */
  readonly before: Ends;
}

/** When an answer was there, and when it had been sent. */
export interface Ends {
  readonly made: number;
  readonly sent: number;
}

/**
 * The spans by the coordinator's clock, whole microseconds.
 * @returns undefined for what cannot have been so: phases that overlap or are outside of their answer, times before the order or
 * after the answer came
 */
export function placeSpans(
  { made, phases, sent }: AnswerSpans,
  { offset, error, ordered, heard, before }: Known,
): AnswerSpans | undefined {
  let last = made[0];
  for (const [, , start, end] of phases) {
    if (start < last || end < start) return undefined;
    last = end;
  }
  if (last > made[1] || made[1] > sent[0] || sent[0] > sent[1]) return undefined;
  // Another estimate than the last one's must not let one answer overlap the other.
  const shift = Math.round(Math.max(offset, before.made - made[0], before.sent - sent[0]));
  if (made[0] + shift < Math.max(0, Math.floor(ordered - error)) || sent[1] + shift > Math.ceil(heard + error)) {
    return undefined;
  }
  const moved = ([start, end]: Span): Span => [start + shift, end + shift];
  return {
    made: moved(made),
    phases: phases.map(([phase, leaf, start, end]) => [phase, leaf, start + shift, end + shift]),
    sent: moved(sent),
  };
}
