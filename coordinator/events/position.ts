// Where a run stands, for people.
import type { Position } from "./event.ts";
import type { RunKey } from "./run_key.ts";

/** "arm gc", or "arm gc, seed 2" in a run of several seeds. */
export function describeKey({ arm, seed }: RunKey, seeds: readonly number[]): string {
  return `arm ${arm}${seeds.length > 1 ? `, seed ${seed}` : ""}`;
}

/** "arm gc, epoch 3, step 5 of 9", or "arm gc, seed 2, epoch 3, step 5 of 9" in a run of several seeds. */
export function describePosition({ key, epoch, step, steps }: Position, seeds: readonly number[]): string {
  return `${describeKey(key, seeds)}, epoch ${epoch}, step ${step} of ${steps}`;
}
