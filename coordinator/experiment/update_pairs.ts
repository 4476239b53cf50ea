// Sets the updates of an arm and of the baseline in the same step beside each other. Arms take turns by epoch, and the
// baseline is first in one epoch and last in the next: whichever comes first is kept until the other comes.
import type { Parameter } from "../../shared/model.ts";
import type { ArmName, Position } from "../events/mod.ts";
import { cosineOf, kernelsOf } from "./kernel_figures.ts";

/**
 * How many steps of an epoch are compared, at most: what is kept of a training is so many times as large as its
 * weights.
 */
export const COMPARED_STEPS = 16;

/** A step of an arm whose update has been compared with the baseline's. */
export interface ComparedUpdate {
  /** Not the baseline. */
  readonly arm: ArmName;
  /** One for each kernel, in the order of the table; null where there is none. */
  readonly cosines: readonly (number | null)[];
}

/** A step of one seed at one rate. */
interface Pairing {
  readonly seed: number;
  readonly epoch: number;
  /** The arms that have come. */
  readonly seen: Set<ArmName>;
  /** Of the baseline, or of the arms that wait for it: flat float32. */
  readonly updates: Map<ArmName, Float32Array>;
}

/**
 * Keeps updates in memory: those of the epoch under way, of {@linkcode COMPARED_STEPS} of its steps at most, of the
 * baseline or of the arms that are before it, at each rate, and each until no arm is left that it is to be compared
 * with. Nothing of it is kept on disk: when an epoch is gone on with after a break, steps are compared if both arms do
 * them after it.
 */
export class UpdatePairs {
  readonly #arms: readonly ArmName[];
  readonly #kernels: readonly Parameter[];
  readonly #pairings = new Map<string, Pairing>();

  /** @param arms the baseline first */
  constructor(arms: readonly ArmName[], table: readonly Parameter[]) {
    this.#arms = arms;
    this.#kernels = kernelsOf(table);
  }

  /** Flat arrays that are kept. */
  get kept(): number {
    return this.#pairings.values().reduce((sum, { updates }) => sum + updates.size, 0);
  }

  /**
   * Takes the update of a step; what is known of the arms now. Trainings with a role are in no pair.
   * @param update flat float32; a copy is kept
   */
  add(
    { key: { arm, seed, learningRate, role }, epoch, step, steps }: Position,
    update: Float32Array,
  ): ComparedUpdate[] {
    if (role !== undefined || !isCompared(step, steps)) return [];
    for (const [id, { seed: otherSeed, epoch: other }] of this.#pairings) {
      if (otherSeed !== seed || other !== epoch) this.#pairings.delete(id);
    }
    const id = `${learningRate} ${step}`;
    const pairing = this.#pairings.get(id) ?? { seed, epoch, seen: new Set(), updates: new Map() };
    this.#pairings.set(id, pairing);
    pairing.seen.add(arm);
    const { known, isKept } = arm === this.#arms[0]
      ? this.#meetArms(pairing, update)
      : this.#meetBaseline(pairing, arm, update);
    if (pairing.seen.size === this.#arms.length) this.#pairings.delete(id);
    else if (isKept) pairing.updates.set(arm, update.slice());
    return known;
  }

  /** The baseline comes: arms have waited for it, and others may follow. */
  #meetArms({ updates }: Pairing, baseline: Float32Array) {
    const known = [...updates].map(([arm, update]) => this.#compare(arm, update, baseline));
    updates.clear();
    return { known, isKept: true };
  }

  #meetBaseline({ updates }: Pairing, arm: ArmName, update: Float32Array) {
    const baseline = updates.get(this.#arms[0]!);
    return {
      known: baseline === undefined ? [] : [this.#compare(arm, update, baseline)],
      isKept: baseline === undefined,
    };
  }

  #compare(arm: ArmName, update: Float32Array, baseline: Float32Array): ComparedUpdate {
    return { arm, cosines: this.#kernels.map((kernel) => cosineOf(update, baseline, kernel)) };
  }
}

/**
 * Whether a step is one of those that are compared: all, or {@linkcode COMPARED_STEPS} evenly spread ones, the last
 * among them.
 */
export function isCompared(step: number, steps: number): boolean {
  if (steps <= COMPARED_STEPS) return true;
  return Math.floor(step * COMPARED_STEPS / steps) > Math.floor((step - 1) * COMPARED_STEPS / steps);
}
