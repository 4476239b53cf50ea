// The experiment: every arm trains from the same weights on the same batches, and is tested after each epoch.
import type { NumericConfig } from "../shared/config.ts";
import { HerdError } from "../shared/errors.ts";
import { parameterTable } from "../shared/model.ts";
import { permutation, Purpose } from "../shared/threefry.ts";
import { type ArmName, armOptimizer } from "./arms.ts";
import type { Samples } from "./cluster.ts";
import { type EpochMetrics, MetricsAccumulator } from "./metrics.ts";
import { applyUpdate } from "./optimizer.ts";
import { allFinite, divideBy, type PartialSum } from "./reduce.ts";
import type { Predictions } from "./work.ts";

/** What computes: the cluster, or a fake of it. */
export interface Computer {
  readonly traffic: { readonly up: number; readonly down: number };
  setWeights(weights: Float32Array): Promise<void>;
  gradients(samples: Samples): Promise<PartialSum>;
  evaluate(samples: Samples): Promise<Predictions>;
}

/** Sample ids of one split, and the label of every id. */
export interface SplitData {
  readonly ids: Uint32Array;
  readonly labels: Uint8Array;
}

/** What the experiment is. */
export interface Experiment {
  readonly config: NumericConfig;
  readonly arms: readonly ArmName[];
  readonly epochs: number;
  readonly initialWeights: Float32Array;
  readonly train: SplitData;
  readonly test: SplitData;
}

/** One epoch of one arm; times in seconds, traffic in bytes. */
export interface EpochRecord {
  readonly epoch: number;
  readonly loss: number;
  readonly accuracy: number;
  readonly testLoss: number;
  readonly testAccuracy: number;
  /** The training part: first batch to last update. */
  readonly seconds: number;
  readonly testSeconds: number;
  readonly imagesPerSecond: number;
  readonly bytesUp: number;
  readonly bytesDown: number;
}

/** Where the experiment stands, after each step. */
export interface StepProgress {
  readonly arm: ArmName;
  readonly epoch: number;
  readonly step: number;
  readonly steps: number;
  /** Of the epoch so far. */
  readonly metrics: EpochMetrics;
  /** Images of the epoch so far and the seconds that they took. */
  readonly images: number;
  readonly seconds: number;
}

/** Who hears about it. */
export interface Listeners {
  onStep(progress: StepProgress): void;
  onEpoch(arm: ArmName, record: EpochRecord, weights: Float32Array): Promise<void>;
  /** The arm is broken off; the weights are those of its last finished step. */
  onBreak(arm: ArmName, weights: Float32Array): Promise<void>;
}

/**
 * Runs all arms, each from the initial weights with a fresh optimizer.
 * @throws {HerdError} divergence, if a loss or gradient is not finite
 */
export async function runExperiment(computer: Computer, experiment: Experiment, listeners: Listeners): Promise<void> {
  for (const arm of experiment.arms) {
    const weights = experiment.initialWeights.slice();
    try {
      await runArm(computer, experiment, { arm, weights, listeners });
    } catch (error) {
      // What broke the arm off matters more than whether its weights could be kept.
      await listeners.onBreak(arm, weights).catch(() => {});
      throw error;
    }
  }
}

async function runArm(
  computer: Computer,
  experiment: Experiment,
  { arm, weights, listeners }: { arm: ArmName; weights: Float32Array; listeners: Listeners },
): Promise<void> {
  const { config } = experiment;
  const optimizer = armOptimizer(arm, config);
  const state = optimizer.init(parameterTable(config.model));
  await computer.setWeights(weights);
  for (let epoch = 1; epoch <= experiment.epochs; epoch++) {
    const before = computer.traffic;
    const metrics = new MetricsAccumulator();
    const started = performance.now();
    const batches = batchesOf(experiment, epoch);
    let images = 0;
    for (const [i, ids] of batches.entries()) {
      const step = i + 1;
      const sum = await computer.gradients({ seed: config.seed, epoch, ids });
      assertFinite(sum, { arm, epoch, step, learningRate: config.learningRate });
      divideBy(sum.gradient, ids.length);
      optimizer.update(sum.gradient, state, weights);
      applyUpdate(weights, sum.gradient);
      await computer.setWeights(weights);
      metrics.add(sum.losses, sum.logits, labelsOf(experiment.train, ids));
      images += ids.length;
      const seconds = secondsSince(started);
      listeners.onStep({ arm, epoch, step, steps: batches.length, metrics: metrics.result(), images, seconds });
    }
    const seconds = secondsSince(started);
    const test = await testMetrics(computer, experiment, epoch);
    const { up, down } = computer.traffic;
    const record: EpochRecord = {
      epoch,
      ...metrics.result(),
      testLoss: test.loss,
      testAccuracy: test.accuracy,
      seconds,
      testSeconds: secondsSince(started) - seconds,
      imagesPerSecond: images / seconds,
      bytesUp: up - before.up,
      bytesDown: down - before.down,
    };
    await listeners.onEpoch(arm, record, weights);
  }
}

/** The epoch's batches: the shuffled training ids, cut every `batchSize`, a short last one kept. */
export function batchesOf({ config, train }: Experiment, epoch: number): Uint32Array[] {
  const order = permutation(train.ids.length, config.seed, Purpose.order, epoch).map((i) => train.ids[i]!);
  const batches: Uint32Array[] = [];
  for (let start = 0; start < order.length; start += config.batchSize) {
    batches.push(order.slice(start, start + config.batchSize));
  }
  return batches;
}

async function testMetrics(computer: Computer, { config, test }: Experiment, epoch: number): Promise<EpochMetrics> {
  const { losses, logits } = await computer.evaluate({ seed: config.seed, epoch, ids: test.ids });
  const metrics = new MetricsAccumulator();
  metrics.add(losses, logits, labelsOf(test, test.ids));
  return metrics.result();
}

function labelsOf({ labels }: SplitData, ids: Uint32Array): Uint8Array {
  return Uint8Array.from(ids, (id) => labels[id]!);
}

function assertFinite(
  { losses, gradient }: PartialSum,
  at: { arm: ArmName; epoch: number; step: number; learningRate: number },
): void {
  const what = !allFinite(losses) ? "loss" : !allFinite(gradient) ? "gradient" : undefined;
  if (what === undefined) return;
  const { arm, epoch, step, learningRate } = at;
  throw new HerdError(
    "divergence",
    `The ${what} is not finite in arm ${arm}, epoch ${epoch}, step ${step}: try a --learning-rate below ${learningRate}`,
  );
}

function secondsSince(start: number): number {
  return (performance.now() - start) / 1000;
}
