// What an experiment is: trainings that differ in what their keys name alone, and the batches that they see.
import type { Samples } from "../cluster/mod.ts";
import type { Compression } from "../../shared/half.ts";
import type { PartialSum, Predictions } from "../../shared/sums.ts";
import { permutation, Purpose, threefry } from "../../shared/threefry.ts";
import type { RunKey, RunPlan, Traffic } from "../events/mod.ts";
import type { NumericConfig } from "./numeric_config.ts";

/** What computes an experiment's steps: the cluster, or a fake of it. */
export interface StepComputer {
  /** Payload bytes so far. */
  readonly traffic: Traffic;
  /**
   * Sends flat float32 weights to the workers, for all that is computed from now on.
   * @param compress how they travel; their values must be such that this loses nothing
   */
  setWeights(weights: Float32Array, compress: Compression): Promise<void>;
  /** The sum of the gradients over the samples of a step, with a loss and the logits of each. */
  gradients(samples: Samples): Promise<PartialSum>;
  /** A loss and the logits of each sample of the test split. */
  evaluate(samples: Samples): Promise<Predictions>;
}

/** One split of a data set, as an experiment uses it. */
export interface SplitData {
  /** Ids of the samples that are used. */
  readonly ids: Uint32Array;
  /** The class of every sample of the split, by its id. */
  readonly labels: Uint8Array;
}

/** What is trained: all that a plan names, for as many epochs. */
export interface Experiment extends RunPlan {
  /** What all trainings have in common; its rate is the plan's default one. */
  readonly config: NumericConfig;
  /** Of each training. */
  readonly epochs: number;
  /** The images that are trained on. */
  readonly train: SplitData;
  /** The images that each epoch's weights are tested on. */
  readonly test: SplitData;
  /** The flat float32 weights that every arm of a seed starts from. */
  initialWeights(seed: number): Float32Array;
}

/** The rate that a training's updates are multiplied by: 0 of the control that must lose, which therefore learns nothing. */
export function rateOf({ learningRate, role }: RunKey, config: Pick<NumericConfig, "learningRate">): number {
  return role === "lose" ? 0 : learningRate ?? config.learningRate;
}

/** What order, augmentation and dropout of a training are drawn from: all of a seed see the same, but the control `again`. */
export function streamOf({ seed, role }: RunKey): number {
  return role === "again" ? threefry(seed, Purpose.control, 0, 0)[0] : seed;
}

/** Steps of an epoch. */
export function stepsOf({ config: { compute }, train }: Pick<Experiment, "config" | "train">): number {
  return Math.ceil(train.ids.length / compute.batchSize);
}

/** The batches of an epoch: the shuffled training ids, cut every `batchSize`, a short last one kept. All arms see the same. */
export function batchesOf(
  { config: { compute: { batchSize } }, train }: Pick<Experiment, "config" | "train">,
  { key, epoch }: { readonly key: RunKey; readonly epoch: number },
): Uint32Array[] {
  const order = permutation(train.ids.length, streamOf(key), Purpose.order, epoch).map((i) => train.ids[i]!);
  const batches: Uint32Array[] = [];
  for (let start = 0; start < order.length; start += batchSize) batches.push(order.slice(start, start + batchSize));
  return batches;
}

/** The labels of samples, in their order. */
export function labelsOf({ labels }: SplitData, ids: Uint32Array): Uint8Array {
  return Uint8Array.from(ids, (id) => labels[id]!);
}
