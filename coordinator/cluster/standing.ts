// What is remembered of workers when they leave and come back: by their names, which are given here.
import type { Position } from "../events/mod.ts";
import { LeafTimes } from "./deadline.ts";
import { Pace, type PaceLimits } from "./pace.ts";

/** Bad answers after which a worker's process is not let in any more, and processes after which the worker is not. */
const MOST_STRIKES = 3;
const MOST_EXCLUSIONS = 3;
/** Names that are made here. */
const NUMBERED = /^r\d+$/;

/** Why an excluded worker is not let in. */
export const EXCLUDED = "it is excluded after bad answers";

/** What is remembered of one worker. */
export class Standing {
  readonly pace: Pace;
  readonly leafTimes = new LeafTimes();
  /** The first step or test that has an answer of this worker in its result. */
  since: Position | undefined;
  #pid: number | undefined;
  #strikes = 0;
  /** Of its processes so far. */
  #exclusions = 0;

  constructor(limits?: PaceLimits) {
    this.pace = new Pace(limits);
  }

  get isExcluded(): boolean {
    return this.#strikes >= MOST_STRIKES || this.#exclusions >= MOST_EXCLUSIONS;
  }

  /** A process comes as this worker; a new one starts afresh. */
  enter(pid: number): void {
    if (pid !== this.#pid) this.#strikes = 0;
    this.#pid = pid;
  }

  /** The worker has given a bad answer. @param isJudged whether one is enough @returns whether it was one too many */
  strike(isJudged: boolean): boolean {
    this.#strikes = isJudged ? MOST_STRIKES : this.#strikes + 1;
    if (this.#strikes < MOST_STRIKES) return false;
    this.#exclusions++;
    return true;
  }
}

/** Who a worker is, by its name and process. */
export interface Identity {
  readonly host: string;
  readonly pid: number;
}

/** The standings of all workers, by name. */
export class Standings {
  readonly #limits: PaceLimits | undefined;
  readonly #byName = new Map<string, Standing>();

  constructor(limits: PaceLimits | undefined) {
    this.#limits = limits;
  }

  /** Whether a worker has come that was not started by the run: such a one knows the token, and may come again. */
  get hadOutsiders(): boolean {
    return this.#byName.keys().some((name) => NUMBERED.test(name));
  }

  /** A process comes under a name. */
  enter(name: string, pid: number): Standing {
    const standing = this.#byName.get(name) ?? new Standing(this.#limits);
    this.#byName.set(name, standing);
    standing.enter(pid);
    return standing;
  }
}

/**
 * The name that a worker gives itself, if it is its own, or the next free number. A name that was made here belongs to one
 * process; the others are a launcher's, which knows what it does.
 * @param holders of the names that are taken
 */
export function nameFor(
  { name, host, pid }: Identity & { readonly name: string },
  holders: ReadonlyMap<string, Identity>,
): string {
  const holder = holders.get(name) ?? { host, pid };
  const itsOwn = holder.host === host && (holder.pid === pid || !NUMBERED.test(name));
  if (name !== "" && itsOwn) return name;
  let number = 1;
  while (holders.has(`r${number}`)) number++;
  return `r${number}`;
}
