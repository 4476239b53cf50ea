// The numeric config: everything besides the seed that changes bits.
import type { ComputeConfig } from "../../shared/config.ts";

/** All that the bits of a training depend on, besides its key, the workers' fingerprints and the number of epochs. */
export interface NumericConfig {
  /** The part that workers are sent. */
  readonly compute: ComputeConfig;
  /** Number of training images taken, or null for all. */
  readonly limit: number | null;
  readonly learningRate: number;
  readonly momentum: number;
  readonly rho: number;
  readonly epsilon: number;
}
