// Where an experiment stands, for people.
import type { ArmName } from "../events/mod.ts";
import type { ArmState, Experiment } from "./experiment.ts";

/** The end of a step: `step` of the `steps` of an arm's epoch are finished. */
export interface Position {
  readonly arm: ArmName;
  readonly epoch: number;
  readonly step: number;
  readonly steps: number;
}

/** Where the experiment goes on: in the first arm that has epochs to do, or else at the end of the last one. */
export function positionOf(experiment: Experiment, states: readonly ArmState[]): Position {
  const { arms, epochs, config, train } = experiment;
  const steps = Math.ceil(train.ids.length / config.batchSize);
  for (const arm of arms) {
    const state = states.find((begun) => begun.arm === arm);
    const finished = state?.epochs.length ?? 0;
    if (finished < epochs) return { arm, epoch: finished + 1, step: state?.current.steps ?? 0, steps };
  }
  return { arm: arms.at(-1)!, epoch: epochs, step: steps, steps };
}

/** "arm gc, epoch 3, step 5 of 9" */
export function describePosition({ arm, epoch, step, steps }: Position): string {
  return `arm ${arm}, epoch ${epoch}, step ${step} of ${steps}`;
}
