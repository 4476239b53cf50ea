// Whose turn it is: a pure function of how far the trainings have come, so that a resumed or prolonged experiment goes on in
// the same order, from any step, and computes nothing twice.
import { isSameRun, type RunKey } from "../events/mod.ts";
import type { Experiment } from "./experiment.ts";
import type { Training } from "./training.ts";

/** An epoch of a training. */
export interface Turn {
  /** Whose it is. */
  readonly key: RunKey;
  /** From 1. */
  readonly epoch: number;
}

/**
 * All turns of an experiment, in order. Seeds come one after another. Within a seed the arms take turns by epoch, and their
 * order is reversed each time: a broken-off experiment has whole pairs, and no arm always has the better place.
 */
export function* turns({ arms, seeds, epochs }: Pick<Experiment, "arms" | "seeds" | "epochs">): Generator<Turn> {
  for (const seed of seeds) {
    for (let epoch = 1; epoch <= epochs; epoch++) {
      for (const arm of epoch % 2 === 1 ? arms : arms.toReversed()) yield { key: { arm, seed }, epoch };
    }
  }
}

/** The first turn that is not over, or undefined when all are. */
export function nextTurn(experiment: Experiment, trainings: readonly Training[]): Turn | undefined {
  return turns(experiment).find(({ key, epoch }) => (trainingOf(trainings, key)?.epochs.length ?? 0) < epoch);
}

/** The training with this key, if it has begun. */
export function trainingOf(trainings: readonly Training[], key: RunKey): Training | undefined {
  return trainings.find((training) => isSameRun(training.key, key));
}
