// Whose turn it is: a pure function of how far the trainings have come, so that a resumed or prolonged experiment goes on in
// the same order, from any step, and computes nothing twice.
import { isSameRun, keysOf, type RunKey, type RunPlan } from "../events/mod.ts";
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
 * All turns of an experiment, in order. Seeds come one after another. Within a seed the trainings take turns by epoch, and their
 * order is reversed each time: a broken-off experiment has whole pairs, and no arm always has the better place. What goes on from
 * another training's end comes last.
 */
export function* turns({ epochs, ...plan }: RunPlan & Pick<Experiment, "epochs">): Generator<Turn> {
  for (const seed of plan.seeds) {
    const keys = keysOf(plan, seed);
    const together = keys.filter(({ role }) => role !== "published");
    for (let epoch = 1; epoch <= epochs; epoch++) {
      for (const key of epoch % 2 === 1 ? together : together.toReversed()) yield { key, epoch };
    }
    for (const key of keys.filter((key) => !together.includes(key))) {
      for (let epoch = 1; epoch <= epochs; epoch++) yield { key, epoch };
    }
  }
}

/** The first turn that is not over, or undefined when all are. A training that has diverged has no more turns. */
export function nextTurn(experiment: Experiment, trainings: readonly Training[]): Turn | undefined {
  return turns(experiment).find(({ key, epoch }) => {
    const training = trainingOf(trainings, key);
    return training?.diverged !== undefined ? false : (training?.epochs.length ?? 0) < epoch;
  });
}

/** Whether nothing needs a training's weights any more. */
export function isDispensable(training: Training, experiment: Pick<Experiment, "epochs" | "protocol">): boolean {
  return isOver(training, experiment) && experiment.protocol === "fair";
}

/** Whether a training has no more turns. */
export function isOver({ epochs, diverged }: Training, experiment: Pick<Experiment, "epochs">): boolean {
  return diverged !== undefined || epochs.length >= experiment.epochs;
}

/** The training with this key, if it has begun. */
export function trainingOf(trainings: readonly Training[], key: RunKey): Training | undefined {
  return trainings.find((training) => isSameRun(training.key, key));
}
