// Where a run stands, for people.
import type { RunKey } from "./run_key.ts";

/** The end of a step: `step` of the `steps` of a training's epoch are finished. */
export interface Position {
  /** Which training it is. */
  readonly key: RunKey;
  /** From 1. */
  readonly epoch: number;
  /** Finished steps of the epoch, from 0. */
  readonly step: number;
  /** Steps of a whole epoch. */
  readonly steps: number;
}

/** "arm gc, epoch 3, step 5 of 9", or "arm gc, seed 2, epoch 3, step 5 of 9" in a run of several seeds. */
export function describePosition({ key, epoch, step, steps }: Position, seeds: readonly number[]): string {
  const training = `arm ${key.arm}${seeds.length > 1 ? `, seed ${key.seed}` : ""}`;
  return `${training}, epoch ${epoch}, step ${step} of ${steps}`;
}
