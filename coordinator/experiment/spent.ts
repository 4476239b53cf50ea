// What an epoch takes: seconds and traffic, over the processes that it is computed in. The first step of a process is not
// timed: engines, caches and connections warm up in it, and that is nothing that one arm has and another has not.
import type { StepComputer } from "./experiment.ts";

/** Time and traffic of an epoch so far. */
export interface Spent {
  /** Seconds of the timed images; while there are none, of all. */
  readonly seconds: number;
  /** Images of timed steps. */
  readonly timedImages: number;
  /** Payload bytes from the workers. */
  readonly bytesUp: number;
  /** Payload bytes to the workers. */
  readonly bytesDown: number;
}

/** An epoch's before it begins. */
export const NOTHING_SPENT: Spent = { seconds: 0, timedImages: 0, bytesUp: 0, bytesDown: 0 };

/** The seconds of so many images of an epoch: those that were not timed count as the timed ones did. */
export function secondsOf(images: number, { seconds, timedImages }: Spent): number {
  return timedImages === 0 ? seconds : seconds * images / timedImages;
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
  begin({ seconds, timedImages, bytesUp, bytesDown }: Spent): void {
    this.#spent = { seconds, timedImages, bytesUp, bytesDown };
    this.#time = this.#now();
    this.#traffic = { ...this.#computer.traffic };
  }

  /** A step is over. @returns what the epoch has taken so far */
  step(images: number): Spent {
    const now = this.#now();
    const seconds = (now - this.#time) / 1000;
    const { seconds: before, timedImages } = this.#spent;
    this.#time = now;
    if (this.#warm) {
      const timed = timedImages === 0 ? seconds : before + seconds;
      this.#spent = { ...this.#spent, seconds: timed, timedImages: timedImages + images };
    } else if (timedImages === 0) {
      this.#spent = { ...this.#spent, seconds: before + seconds };
    }
    this.#warm = true;
    return this.total();
  }

  /** What the epoch has taken so far, with the traffic since its last step. */
  total(): Spent {
    const { up, down } = this.#computer.traffic;
    const { bytesUp, bytesDown, ...time } = this.#spent;
    return { ...time, bytesUp: bytesUp + up - this.#traffic.up, bytesDown: bytesDown + down - this.#traffic.down };
  }
}
