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
