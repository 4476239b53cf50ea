// The numeric config: everything besides the seed that changes bits.
import type { ComputeConfig } from "../../shared/config.ts";

/** The optimizers, with Keras's defaults for what no flag sets. */
export const OPTIMIZERS = ["rmsprop", "sgd", "adam"] as const;
/** The name of an optimizer. */
export type OptimizerName = (typeof OPTIMIZERS)[number];

/** Which kernels gradient centralization is for. */
export const GC_SCOPES = ["all", "conv"] as const;
/** One of the scopes. */
export type GcScope = (typeof GC_SCOPES)[number];

/** All that the bits of a training depend on, besides its key, the workers' fingerprints and the number of epochs. */
export interface NumericConfig {
  /** The part that workers are sent. */
  readonly compute: ComputeConfig;
  /** Number of training images taken, or null for all. */
  readonly limit: number | null;
  /** What every update is multiplied by, in trainings whose key names no other rate. */
  readonly learningRate: number;
  /** How a gradient becomes an update. */
  readonly optimizer: OptimizerName;
  /** The part of an update that goes into the next one, at least 0 and below 1; 0 for none. Of rmsprop and sgd. */
  readonly momentum: number;
  /** Whether sgd looks ahead along its momentum. */
  readonly nesterov: boolean;
  /** Which kernels are centralized in the arms that do so: all, or those of convolutions alone. */
  readonly gcScope: GcScope;
  /** The part of the mean that is taken away: 1 centralizes, 0 does nothing. */
  readonly gcScale: number;
  /** SHA-256 of the flat float32 weights that all seeds begin with; null where each has its own. */
  readonly initWeights: string | null;
}
