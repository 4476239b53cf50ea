// What names one training of an experiment. States, checkpoints, metrics, models, events and hashes are filed under it.

/** The names of the arms. */
export const ARM_NAMES = ["no-gc", "gc", "gc-update"] as const;
/** The name of an arm: an optimizer configuration under comparison. */
export type ArmName = (typeof ARM_NAMES)[number];

/** What a training that is not compared itself is for. */
export const ROLES = ["again", "lose", "published"] as const;
/**
 * `again`: the same arm with another random stream, a control that should show no difference. `lose`: a rate of 0, a control that
 * learns nothing and must lose. `published`: goes on from the weights that the seed's first arm ended with, as the original
 * example did.
 */
export type Role = (typeof ROLES)[number];

/** One training: an arm with a seed, and what else is varied. */
export interface RunKey {
  /** Which optimizer it trains with. */
  readonly arm: ArmName;
  /** Of its weights, and of its order, augmentation and dropout, but in the role `again`. */
  readonly seed: number;
  /** Where it is not the experiment's default one. */
  readonly learningRate?: number;
  /** Where it is not one of the trainings that are compared. */
  readonly role?: Role;
}

/** For file names, unique within an experiment: "gc-0", "gc-0-0.0003" at another than the default rate, "gc-0-again". */
export function runName({ arm, seed, learningRate, role }: RunKey): string {
  return [arm, seed, learningRate, role].filter((part) => part !== undefined).join("-");
}

/** Whether two keys name the same training. */
export function isSameRun(a: RunKey, b: RunKey): boolean {
  return a.arm === b.arm && a.seed === b.seed && a.learningRate === b.learningRate && a.role === b.role;
}
