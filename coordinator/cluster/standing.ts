// What is remembered of a worker's work when it leaves and comes back. Who it is, identities.ts says.
import type { Position } from "../events/mod.ts";
import { LeafTimes } from "./deadline.ts";
import { Pace, type PaceLimits } from "./pace.ts";

/** Bad answers after which a worker's process is not let in any more, and processes after which the worker is not. */
const MOST_STRIKES = 3;
const MOST_EXCLUSIONS = 3;
/** Steps and tests with sound answers after which one bad answer is forgotten. */
const FORGOTTEN_AFTER = 10;

/** Why an excluded worker is not let in. */
export const EXCLUDED = "it is excluded after bad answers";

/** What is remembered of one worker. */
export class Standing {
  readonly pace: Pace;
  readonly leafTimes = new LeafTimes();
  /** The first step or test that has an answer of this worker in its result. */
  since: Position | undefined;
  /** Whether an answer of this worker is in any result, also of one that is not known by its place in the run. */
  hasCounted = false;
  #strikes = 0;
  /** Steps and tests with sound answers since the last strike, or since one was forgotten. */
  #sound = 0;
  /** Of its processes so far. */
  #exclusions = 0;

  constructor(limits?: PaceLimits) {
    this.pace = new Pace(limits);
  }

  get isExcluded(): boolean {
    return this.#strikes >= MOST_STRIKES || this.#exclusions >= MOST_EXCLUSIONS;
  }

  /** Its answers are in a result: a machine that errs now and then may stay. */
  recordSound(): void {
    if (this.isExcluded || ++this.#sound < FORGOTTEN_AFTER) return;
    this.#strikes = Math.max(0, this.#strikes - 1);
    this.#sound = 0;
  }

  /** A new process is started as this worker. */
  beginAnew(): void {
    this.#strikes = 0;
  }

  /** The worker has given a bad answer. @param isJudged whether one is enough @returns whether it was one too many */
  strike(isJudged: boolean): boolean {
    this.#strikes = isJudged ? MOST_STRIKES : this.#strikes + 1;
    this.#sound = 0;
    if (this.#strikes < MOST_STRIKES) return false;
    this.#exclusions++;
    return true;
  }
}
