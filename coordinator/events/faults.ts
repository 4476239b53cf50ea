// What went wrong during a run and was mended, as counts.

/** Counts of a run; all zero in a quiet one. */
export interface FaultCounts {
  /** Workers that were there and are gone. */
  readonly workersLost: number;
  /** Local worker processes started again. */
  readonly workersRestarted: number;
  /** Workers that are not let in any more: after three bad answers, or one that was judged to be wrong. */
  readonly workersExcluded: number;
  /** Leaves given out again because their worker was lost or its answer not believed. */
  readonly leavesReissued: number;
  /** Leaves of a late worker given to another one too. */
  readonly leavesDuplicated: number;
  /** Answers that came when others had answered already. */
  readonly duplicateAnswers: number;
  /** Answers for a step that was over. */
  readonly staleAnswers: number;
  /** Frames that were damaged, of the wrong size, computed with other weights, or that nobody had ordered. */
  readonly badAnswers: number;
  /** Gradients and predictions that others did not get. */
  readonly unreproducedAnswers: number;
  /** Times that workers with the same fingerprint got different bits and nobody could tell who is right. */
  readonly undecidedDisputes: number;
  /** Times that no worker was left. */
  readonly pauses: number;
  /** Seconds that the run waited for a worker in these pauses. */
  readonly pausedSeconds: number;
}

/** The counts of a quiet run. */
export const NO_FAULTS: FaultCounts = {
  workersLost: 0,
  workersRestarted: 0,
  workersExcluded: 0,
  leavesReissued: 0,
  leavesDuplicated: 0,
  duplicateAnswers: 0,
  staleAnswers: 0,
  badAnswers: 0,
  unreproducedAnswers: 0,
  undecidedDisputes: 0,
  pauses: 0,
  pausedSeconds: 0,
};

/** The counts of two parts of a run together. */
export function addFaults(a: FaultCounts, b: FaultCounts): FaultCounts {
  const names = Object.keys(NO_FAULTS) as (keyof FaultCounts)[];
  return { ...NO_FAULTS, ...Object.fromEntries(names.map((name) => [name, a[name] + b[name]])) };
}

const WORDS: Readonly<Record<keyof FaultCounts, string>> = {
  workersLost: "workers lost",
  workersRestarted: "processes started again",
  workersExcluded: "workers excluded",
  leavesReissued: "leaves given out again",
  leavesDuplicated: "leaves of late workers given out twice",
  duplicateAnswers: "duplicate answers",
  staleAnswers: "stale answers",
  badAnswers: "bad answers",
  unreproducedAnswers: "answers not reproduced",
  undecidedDisputes: "disputes undecided",
  pauses: "pauses without a worker",
  pausedSeconds: "seconds paused",
};

/** "workers lost 2, processes started again 2, leaves given out again 9"; "" for a quiet run. */
export function describeFaults(faults: FaultCounts): string {
  const names = Object.keys(WORDS) as (keyof FaultCounts)[];
  return names.filter((name) => faults[name] > 0)
    .map((name) => `${WORDS[name]} ${Math.round(10 * faults[name]) / 10}`)
    .join(", ");
}
