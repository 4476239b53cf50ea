// Where a training stands, and where an experiment goes on.
import type { Position } from "../events/mod.ts";
import { type Experiment, stepsOf } from "./experiment.ts";
import type { Training } from "./training.ts";
import { nextTurn, trainingOf, turns } from "./turns.ts";

/** The last finished step of a training; step 0 of the first epoch before there is one. */
export function standOf(experiment: Pick<Experiment, "config" | "train">, training: Training): Position {
  const { key, epochs: { length: finished }, current } = training;
  const steps = stepsOf(experiment);
  if (current.steps === 0 && finished > 0) return { key, epoch: finished, step: steps, steps };
  return { key, epoch: finished + 1, step: current.steps, steps };
}

/** Where an experiment goes on: in the first turn that is not over, or else at the end of the last one. */
export function positionOf(experiment: Experiment, trainings: readonly Training[]): Position {
  const steps = stepsOf(experiment);
  const next = nextTurn(experiment, trainings);
  if (next === undefined) return { ...[...turns(experiment)].at(-1)!, step: steps, steps };
  return { ...next, step: trainingOf(trainings, next.key)?.current.steps ?? 0, steps };
}

/**
 * Why an experiment cannot have come to where a training stands, in a sentence; undefined if it can. A training that is read
 * from a file may say anything.
 */
export function impossibility(
  experiment: Pick<Experiment, "config" | "train" | "test" | "epochs">,
  { epochs: { length: finished }, epochs, current, weightsSha256, testLogits }: Training,
): string | undefined {
  const { epochs: all, train, test, config: { compute } } = experiment;
  const { steps, metrics: { samples, correct } } = current;
  const expected = Math.min(steps * compute.batchSize, train.ids.length);
  if (finished > all) return `it has ${finished} epochs, and the run has ${all}`;
  if (epochs.some(({ epoch }, i) => epoch !== i + 1)) return "its epochs are not numbered one after another";
  if (steps > (finished === all ? 0 : stepsOf(experiment))) return `it has ${steps} steps of epoch ${finished + 1}`;
  if (samples !== expected || correct > samples) return `${correct} of ${samples} images are right after step ${steps}`;
  if ((weightsSha256 === "") !== (finished === 0)) return `it has ${finished} epochs and the hash "${weightsSha256}"`;
  const logits = finished === 0 ? 0 : test.ids.length * compute.model.classes;
  if (testLogits.length !== logits) return `it has ${testLogits.length} logits of the test images`;
  return undefined;
}
