// Where a worker's time goes, as it tells it in a run that is traced.

/** What an engine does with a leaf, where it can tell these apart. */
export const PHASES = ["read", "augment", "forward", "backward"] as const;
/** One of the phases. */
export type Phase = (typeof PHASES)[number];

/** Hears that a leaf's next phase begins, or with null that the leaf is done. */
export type PhaseListener = (phase: Phase | null) => void;

/** The most of them that are told of one answer. */
export const MOST_PHASES = 160;

/** Start and end, in whole microseconds of the clock of whoever tells it. */
export type Span = readonly [start: number, end: number];

/** A phase of a leaf. */
export type PhaseSpan = readonly [phase: Phase, leaf: number, start: number, end: number];

/** What an answer took. */
export interface AnswerSpans {
  /** From the answer before it, or the order, until it was there. */
  readonly made: Span;
  /** Those of its leaves, one after the other, within that. */
  readonly phases: readonly PhaseSpan[];
  /** Until it had been handed to the network. */
  readonly sent: Span;
}
