// The numeric config: everything besides the seed that changes bits.
import type { ComputeConfig } from "../../shared/config.ts";

/** All that the bits of a training depend on, besides its key, the workers' fingerprints and the number of epochs. */
export interface NumericConfig {
  /** The part that workers are sent. */
  readonly compute: ComputeConfig;
  /** Number of training images taken, or null for all. */
  readonly limit: number | null;
  /** What every update is multiplied by. */
  readonly learningRate: number;
  /** The part of an update that goes into the next one, at least 0 and below 1; 0 for none. */
  readonly momentum: number;
  /** The part of RMSprop's running mean square that stays at each step. */
  readonly rho: number;
  /** What is added to the mean square under the root, against division by 0. */
  readonly epsilon: number;
}
