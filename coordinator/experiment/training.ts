// How far a training has come, as a value: it goes on from there as if it had never been broken off.
import { sha256 } from "../../shared/config.ts";
import { parameterTable } from "../../shared/model.ts";
import type { EpochRecord, RunKey } from "../events/mod.ts";
import { armOptimizer } from "./arms.ts";
import type { MetricsSums } from "./metrics.ts";
import type { NumericConfig } from "./numeric_config.ts";
import type { OptimizerState } from "./optimizer.ts";
import { NOTHING_SPENT, type Spent } from "./spent.ts";

/** The epoch under way: what its finished steps have added up to. */
export interface EpochState extends Spent {
  /** Finished steps. */
  readonly steps: number;
  /** Over the samples of the finished steps. */
  readonly metrics: MetricsSums;
}

/**
 * How far a training has come. Its parts change together, with no await between them: whoever looks at it sees the end of a
 * finished step.
 */
export interface Training {
  /** Which one it is. */
  readonly key: RunKey;
  /** Flat float32, changed in place. Empty when it is over, safely kept, and nothing needs them any more. */
  weights: Float32Array;
  /** The optimizer's, changed in place; empty as the weights. */
  slots: OptimizerState;
  /** Flat float32, only where weights are compressed: what compression had left over when these weights were still to be sent. */
  residual?: Float32Array;
  /** The finished epochs. */
  epochs: readonly EpochRecord[];
  /** Of the flat float32 weights at the end of the last finished epoch; "" before it. */
  weightsSha256: string;
  /** Of the test images at the end of the last finished epoch, in the order of their ids; empty before it. */
  testLogits: Float32Array;
  /** Why it has ended before its last epoch, in a sentence. */
  diverged?: string;
  /** The epoch under way, or before its first step. */
  current: EpochState;
}

/** An epoch before its first step. */
export const EPOCH_START: EpochState = {
  steps: 0,
  metrics: { loss: 0, correct: 0, samples: 0 },
  ...NOTHING_SPENT,
};

/**
 * A training before its first step, with a fresh optimizer.
 * @param weights flat float32, of the model's parameter count; taken over
 */
export function beginTraining(key: RunKey, config: NumericConfig, weights: Float32Array): Training {
  const { model, compress } = config.compute;
  const slots = armOptimizer(key.arm, config).init(parameterTable(model));
  const residual = compress === "none" ? {} : { residual: new Float32Array(weights.length) };
  const testLogits = new Float32Array();
  return { key, weights, slots, ...residual, epochs: [], weightsSha256: "", testLogits, current: EPOCH_START };
}

/** Lets a training that is over have no weights any more: many of them would not fit into memory. */
export function releaseWeights(training: Training): void {
  training.weights = new Float32Array();
  training.slots = {};
  delete training.residual;
}

/** SHA-256 of flat float32 weights, in hexadecimal: equal in two runs whose results are the same bits. */
export function weightsHash(weights: Float32Array): Promise<string> {
  return sha256(new Uint8Array(weights.slice().buffer));
}
