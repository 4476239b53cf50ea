// Answers that a second worker computed again to see whether it gets them too, and what follows where it does not.
import type { Position } from "./position.ts";

/** Counts of answers that were chosen at random to be computed again. */
export interface CheckCounts {
  /** Those that a second worker has computed too. */
  readonly compared: number;
  /** Those that nobody else could compute: no other worker with that fingerprint was there. */
  readonly impossible: number;
  /** Those of the compared ones of which the second worker got other bits. */
  readonly differing: number;
}

/** A worker whose answers turned out to be wrong, and since when they are in the weights. */
export interface Taint {
  /** Of the worker. */
  readonly worker: string;
  /** Of the worker; "" for this machine. */
  readonly host: string;
  /** The first step, or the test after it, whose result has an answer of this worker in it. */
  readonly since: Position;
}

/** The counts of a run without checks. */
export const NO_CHECKS: CheckCounts = { compared: 0, impossible: 0, differing: 0 };

/** The counts of two parts of a run together. */
export function addChecks(a: CheckCounts, b: CheckCounts): CheckCounts {
  return {
    compared: a.compared + b.compared,
    impossible: a.impossible + b.impossible,
    differing: a.differing + b.differing,
  };
}
