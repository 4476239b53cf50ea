// How far a run is, and when it will be done.
import type { RunFacts } from "./event.ts";
import { allKeys } from "./plan.ts";
import type { Snapshot } from "./snapshot.ts";

/** Epochs of all trainings of a run. */
export function allEpochs(run: RunFacts): number {
  return allKeys(run).length * run.epochs;
}

/** Estimates when a run is done from what this process has done of it. */
export class Eta {
  readonly #now: () => number;
  #began = 0;
  #doneBefore = 0;

  /** Knows nothing yet. @param now a clock, in milliseconds */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** Epochs that a resumed run had done at its start, with the part of the last one. */
  get doneBefore(): number {
    return this.#doneBefore;
  }

  /** The run begins, or goes on. */
  begin({ resumed }: RunFacts): void {
    this.#began = this.#now();
    if (resumed === null) return;
    const { at, trainings } = resumed;
    this.#doneBefore = trainings.reduce((sum, { epochs }) => sum + epochs.length, 0) + at.step / at.steps;
  }

  /**
   * How much of the run is done, 0 to 1, and the seconds that are left if the rest goes on as this process did so far: not
   * finite while that is not known.
   * @param part of the epoch under way, 0 to 1
   */
  estimate({ run, trainings }: Snapshot, part: number): { readonly done: number; readonly secondsLeft: number } {
    if (run === null) return { done: 0, secondsLeft: Infinity };
    const done = trainings.reduce((sum, { epochs }) => sum + epochs.length, 0) + part;
    const diverged = trainings.filter((training) => training.diverged !== null);
    const all = allEpochs(run) - diverged.reduce((sum, { epochs }) => sum + run.epochs - epochs.length, 0);
    const seconds = (this.#now() - this.#began) / 1000;
    return { done: all > 0 ? done / all : 1, secondsLeft: seconds * (all - done) / (done - this.#doneBefore) };
  }
}
