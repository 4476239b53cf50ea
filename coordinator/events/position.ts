// Where a run stands, for people.
import type { Role, RunKey } from "./run_key.ts";

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
  return `${describeKey(key, seeds)}, epoch ${epoch}, step ${step} of ${steps}`;
}

/** "arm gc", with what else it takes to tell it from the others of its run: "arm gc, rate 0.0003, seed 2". */
export function describeKey({ arm, seed, learningRate, role }: RunKey, seeds: readonly number[]): string {
  const parts = [`arm ${arm}`];
  if (role !== undefined) parts.push(ROLE_WORDS[role]);
  if (learningRate !== undefined) parts.push(`rate ${learningRate}`);
  if (seeds.length > 1) parts.push(`seed ${seed}`);
  return parts.join(", ");
}

const ROLE_WORDS: Readonly<Record<Role, string>> = {
  again: "another random stream",
  lose: "learns nothing",
  published: "as published",
};
