// Which answers another worker computes again although nothing is wrong with them: a random share of the steps as a whole, and
// one answer of every worker at a random step of each epoch. Chosen when all answers of a step are in, by random numbers that
// nobody else has, so that whoever falsifies one cannot know which are looked at. Knows no socket and no clock.
import type { Position } from "../events/mod.ts";

/** Whose answers of one step are to be computed again. Workers are known by their standing, whatever their connection. */
export interface StepChecks<W> {
  /** Whether any answer of a worker may be chosen: its bits have to be remembered. */
  mayChoose(worker: W): boolean;
  /** Those that are chosen of a worker's `count` answers. */
  choose(worker: W, count: number): number[];
  /** Those that can be asked, in an order that nobody can foretell: accomplices must not come to check each other. */
  mix<T>(workers: readonly T[]): T[];
}

/** A random number from 0 to below 1 that cannot be foretold. */
function unpredictable(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0]! / 2 ** 32;
}

/** Chooses for step after step. */
export class SpotChecks<W extends object> {
  readonly #share: number;
  readonly #random: () => number;
  /** The epoch under way, as text. */
  #epoch = "";
  /** The step at which those are due that were there at the epoch's beginning. */
  #common = 0;
  /** The step at which each worker's answer is due in this epoch; Infinity once it is done. */
  #due = new WeakMap<W, number>();
  /** The same of the epoch before. */
  #before = new WeakMap<W, number>();

  /**
   * @param share of the steps, 0 to 1; 0 checks nothing
   * @param random by default the system's
   */
  constructor(share: number, random: () => number = unpredictable) {
    this.#share = share;
    this.#random = random;
  }

  /** For the next training step. @param at which it is of how many; undefined if that is not known */
  forTraining(at: Position | undefined): StepChecks<W> {
    if (this.#share === 0 || at === undefined) return NO_CHECKS;
    const epoch = `${at.key.arm} ${at.key.seed} ${at.epoch}`;
    const begins = epoch !== this.#epoch;
    if (begins) {
      this.#epoch = epoch;
      this.#before = this.#due;
      this.#due = new WeakMap();
      this.#common = this.#draw(at);
    }
    const due = (worker: W) => {
      if (!this.#due.has(worker)) {
        // Whoever had nothing to do in its step, and since then, is looked at the next time.
        const isOwed = Number.isFinite(this.#before.get(worker) ?? Infinity);
        this.#due.set(worker, isOwed ? at.step : begins ? this.#common : this.#draw(at));
      }
      return this.#due.get(worker)! <= at.step;
    };
    return this.#checks(due, (worker) => void this.#due.set(worker, Infinity));
  }

  /** For the next evaluation: one answer of every worker at least. */
  forEvaluation(): StepChecks<W> {
    return this.#share === 0 ? NO_CHECKS : this.#checks(() => true, () => {});
  }

  #checks(isDueNow: (worker: W) => boolean, done: (worker: W) => void): StepChecks<W> {
    const whole = this.#random() < this.#share;
    // Where a step is computed again because of one liar, the others are chosen again.
    const chosen = new WeakSet<W>();
    const isDue = (worker: W) => chosen.has(worker) || isDueNow(worker);
    return {
      mayChoose: (worker) => whole || isDue(worker),
      choose: (worker, count) => {
        const due = isDue(worker);
        if (due && count > 0) {
          chosen.add(worker);
          done(worker);
        }
        if (whole) return Array.from({ length: count }, (_, i) => i);
        return due && count > 0 ? [Math.floor(this.#random() * count)] : [];
      },
      mix: (workers) => {
        const keyed = workers.map((worker) => [this.#random(), worker] as const);
        return keyed.sort(([a], [b]) => a - b).map(([, worker]) => worker);
      },
    };
  }

  #draw({ step, steps }: Position): number {
    return step + Math.floor(this.#random() * (steps - step + 1));
  }
}

const NO_CHECKS: StepChecks<object> = { mayChoose: () => false, choose: () => [], mix: (workers) => [...workers] };

/** How likely a worker is found out within an epoch, if whoever computes its answers again is honest. */
export interface ChanceToBeCaught {
  /** That falsifies where it thinks that it is not looked at: it may notice when the one answer of the epoch has been. */
  readonly onPurpose: number;
  /** Whose answers are wrong at random. */
  readonly atRandom: number;
}

/**
 * The least chance to find a worker out in an epoch.
 * @param falsified the share of the steps in which it gives a wrong answer, 0 to 1
 * @param share of the steps that are checked as a whole
 * @param steps of an epoch
 */
export function chanceToBeCaught(falsified: number, share: number, steps: number): ChanceToBeCaught {
  if (falsified === 1) return { onPurpose: 1, atRandom: 1 };
  const onPurpose = 1 - (1 - share) ** (falsified * steps);
  return { onPurpose, atRandom: 1 - (1 - falsified) * (1 - share) ** (falsified * (steps - 1)) };
}
