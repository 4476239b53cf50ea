// What an epoch takes: seconds and traffic, over the processes that it is computed in. The first step of a process is not
// timed: engines, caches and connections warm up in it, and that is nothing that one arm has and another has not.
import type { StepComputer } from "./experiment.ts";

/** What steps of one size have taken. All of an epoch have the batch size but the last, which may be smaller. */
export interface StepTimes {
  /** Of each of these steps. */
  readonly images: number;
  /** Steps that were timed. */
  readonly timed: number;
  /** Those that were not. */
  readonly untimed: number;
  /** What the timed ones took together. */
  readonly seconds: number;
}

/** Time and traffic of an epoch so far. */
export interface Spent {
  /** By size. */
  readonly times: readonly StepTimes[];
  /** Payload bytes from the workers. */
  readonly bytesUp: number;
  /** Payload bytes to the workers. */
  readonly bytesDown: number;
}

/** An epoch's before it begins. */
export const NOTHING_SPENT: Spent = { times: [], bytesUp: 0, bytesDown: 0 };

/** The seconds of all these steps, if one that was not timed took what the equally large ones did; null if none of these was timed. */
export function secondsOf({ times }: Pick<Spent, "times">): number | null {
  if (times.some(({ timed }) => timed === 0)) return null;
  return times.reduce((sum, { timed, untimed, seconds }) => sum + seconds * (1 + untimed / timed), 0);
}

/** Measures the epochs that a process computes, one after another. */
export class Stopwatch {
  readonly #computer: Pick<StepComputer, "traffic">;
  readonly #now: () => number;
  #warm = false;
  #spent = NOTHING_SPENT;
  #time = 0;
  #traffic: StepComputer["traffic"];

  /** @param now a clock, in milliseconds */
  constructor(computer: Pick<StepComputer, "traffic">, now: () => number = () => performance.now()) {
    this.#computer = computer;
    this.#now = now;
    this.#traffic = computer.traffic;
  }

  /** An epoch begins, or goes on from where an earlier process broke off. */
  begin({ times, bytesUp, bytesDown }: Spent): void {
    this.#spent = { times, bytesUp, bytesDown };
    this.#time = this.#now();
    this.#traffic = { ...this.#computer.traffic };
  }

  /** A step is over. @returns what the epoch has taken so far */
  step(images: number): Spent {
    const now = this.#now();
    const seconds = (now - this.#time) / 1000;
    this.#time = now;
    const { times } = this.#spent;
    const before = times.find((one) => one.images === images) ?? { images, timed: 0, untimed: 0, seconds: 0 };
    const after = this.#warm
      ? { ...before, timed: before.timed + 1, seconds: before.seconds + seconds }
      : { ...before, untimed: before.untimed + 1 };
    this.#spent = { ...this.#spent, times: [...times.filter((one) => one !== before), after] };
    this.#warm = true;
    return this.total();
  }

  /** What the epoch has taken so far, with the traffic since its last step. */
  total(): Spent {
    const { up, down } = this.#computer.traffic;
    const { times, bytesUp, bytesDown } = this.#spent;
    return { times, bytesUp: bytesUp + up - this.#traffic.up, bytesDown: bytesDown + down - this.#traffic.down };
  }
}
