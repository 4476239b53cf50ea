// What names one training of an experiment. States, checkpoints, metrics, models, events and hashes are filed under it.

/** The names of the arms. */
export const ARM_NAMES = ["no-gc", "gc", "gc-update"] as const;
/** The name of an arm: an optimizer configuration under comparison. */
export type ArmName = (typeof ARM_NAMES)[number];

/** One training: an arm with a seed. */
export interface RunKey {
  /** Which optimizer it trains with. */
  readonly arm: ArmName;
  /** Of its weights, order, augmentation and dropout. */
  readonly seed: number;
}

/** "gc-0": for file names, and unique within an experiment. */
export function runName({ arm, seed }: RunKey): string {
  return `${arm}-${seed}`;
}

/** Whether two keys name the same training. */
export function isSameRun(a: RunKey, b: RunKey): boolean {
  return a.arm === b.arm && a.seed === b.seed;
}
