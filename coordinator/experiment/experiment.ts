// The experiment: every arm trains from the same weights on the same batches, and is tested after each epoch. How far each
// arm has come is a value, from which the experiment goes on as if it had never been broken off.
import { type NumericConfig, sha256 } from "../../shared/config.ts";
import { HerdError } from "../../shared/errors.ts";
import type { Compression } from "../../shared/half.ts";
import { parameterTable } from "../../shared/model.ts";
import type { PartialSum, Predictions } from "../../shared/sums.ts";
import { permutation, Purpose } from "../../shared/threefry.ts";
import type { ArmName, EpochRecord, MeanMetrics } from "../events/mod.ts";
import { armOptimizer } from "./arms.ts";
import type { Samples } from "../cluster/cluster.ts";
import { compensate } from "./error_feedback.ts";
import { MetricsAccumulator, type MetricsSums } from "./metrics.ts";
import { applyUpdate, type OptimizerState } from "./optimizer.ts";
import { allFinite, divideBy } from "../cluster/reduce.ts";

/** What computes: the cluster, or a fake of it. */
export interface StepComputer {
  readonly traffic: { readonly up: number; readonly down: number };
  /** @param compress how they travel; their values must be such that this loses nothing */
  setWeights(weights: Float32Array, compress: Compression): Promise<void>;
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

/** The epoch under way: what its finished steps have added up to. */
export interface EpochState {
  /** Finished steps. */
  readonly steps: number;
  readonly metrics: MetricsSums;
  readonly seconds: number;
  readonly bytesUp: number;
  readonly bytesDown: number;
}

/**
 * How far an arm has come. Its parts change together, with no await between them: whoever looks at it sees the end of a
 * finished step.
 */
export interface ArmState {
  readonly arm: ArmName;
  /** Flat float32, changed in place, as are the optimizer's slots. */
  readonly weights: Float32Array;
  readonly slots: OptimizerState;
  /** Flat float32, only where weights are compressed: what compression had left over when these weights were still to be sent. */
  residual?: Float32Array;
  /** The finished epochs. */
  epochs: readonly EpochRecord[];
  /** Of the weights at the end of the last finished epoch; "" before it. */
  weightsSha256: string;
  current: EpochState;
}

/** Where the experiment stands, after each step. */
export interface StepProgress {
  readonly arm: ArmName;
  readonly epoch: number;
  readonly step: number;
  readonly steps: number;
  /** Of the epoch so far. */
  readonly metrics: MeanMetrics;
  /** Images of the epoch so far and the seconds that they took. */
  readonly images: number;
  readonly seconds: number;
}

/** Who hears about it. What has happened is in the arms' states when they are called. */
export interface Listeners {
  onStep(progress: StepProgress): void | Promise<void>;
  onEpoch(state: ArmState, record: EpochRecord): Promise<void>;
  /** The experiment is broken off in this arm, which stands at the end of its last finished step. */
  onBreak(state: ArmState): Promise<void>;
}

const EPOCH_START: EpochState = {
  steps: 0,
  metrics: { loss: 0, correct: 0, samples: 0 },
  seconds: 0,
  bytesUp: 0,
  bytesDown: 0,
};

/**
 * Runs all arms, each from the initial weights with a fresh optimizer, or from where it stands.
 * @param states the arms that have begun; changed while they go on, and extended by those that begin
 * @throws {HerdError} divergence, if a loss or gradient is not finite
 */
export async function runExperiment(
  computer: StepComputer,
  experiment: Experiment,
  states: ArmState[],
  listeners: Listeners,
): Promise<void> {
  for (const arm of experiment.arms) {
    let state = states.find((begun) => begun.arm === arm);
    if (state === undefined) states.push(state = freshArm(arm, experiment));
    if (state.epochs.length >= experiment.epochs) continue;
    try {
      await runArm(computer, experiment, state, listeners);
    } catch (error) {
      // What broke the arm off matters more than whether its state could be kept.
      await listeners.onBreak(state).catch(() => {});
      throw error;
    }
  }
}

function freshArm(arm: ArmName, { config, initialWeights }: Experiment): ArmState {
  const slots = armOptimizer(arm, config).init(parameterTable(config.model));
  const residual = config.compress === "none" ? {} : { residual: new Float32Array(initialWeights.length) };
  const weights = initialWeights.slice();
  return { arm, weights, slots, ...residual, epochs: [], weightsSha256: "", current: EPOCH_START };
}

async function runArm(
  computer: StepComputer,
  experiment: Experiment,
  state: ArmState,
  listeners: Listeners,
): Promise<void> {
  const { config } = experiment;
  const { arm, weights, slots } = state;
  const optimizer = armOptimizer(arm, config);
  optimizer.init(parameterTable(config.model)); // it learns the parameters; its slots are the state's
  let residual = await sendWeights(computer, experiment, state);
  while (state.epochs.length < experiment.epochs) {
    const epoch = state.epochs.length + 1;
    const spent = spending(computer, state.current);
    const metrics = new MetricsAccumulator(state.current.metrics);
    const batches = batchesOf(experiment, epoch);
    for (const [i, ids] of batches.entries()) {
      const step = i + 1;
      if (step <= state.current.steps) continue;
      const sum = await computer.gradients({ seed: config.seed, epoch, ids, step });
      assertFinite(sum, { arm, epoch, step, learningRate: config.learningRate });
      divideBy(sum.gradient, ids.length);
      optimizer.update(sum.gradient, slots, weights);
      applyUpdate(weights, sum.gradient);
      metrics.add(sum.losses, sum.logits, labelsOf(experiment.train, ids));
      if (residual !== undefined) state.residual = residual;
      state.current = { steps: step, metrics: metrics.sums, ...spent() };
      residual = await sendWeights(computer, experiment, state);
      const { metrics: { samples: images }, seconds } = state.current;
      await listeners.onStep({ arm, epoch, step, steps: batches.length, metrics: metrics.result(), images, seconds });
    }
    const { seconds } = state.current;
    const tested = performance.now();
    const test = await testMetrics(computer, experiment, epoch);
    const testSeconds = (performance.now() - tested) / 1000;
    const weightsSha256 = await weightsHash(weights);
    const { bytesUp, bytesDown } = spent();
    const record: EpochRecord = {
      epoch,
      ...metrics.result(),
      testLoss: test.loss,
      testAccuracy: test.accuracy,
      seconds,
      testSeconds,
      imagesPerSecond: experiment.train.ids.length / seconds,
      bytesUp,
      bytesDown,
    };
    Object.assign(state, { epochs: [...state.epochs, record], weightsSha256, current: EPOCH_START });
    await listeners.onEpoch(state, record);
  }
}

/**
 * Sends an arm's weights for what comes next. Between an epoch's last step and the next one's first they are exact: the test's
 * figures are those of the weights that are kept, and need not be sent again after it.
 * @returns the state's residual once the next step is done: until then, whoever goes on from the state sends the same bits again
 * @throws {HerdError} divergence, if a weight is beyond the format: fp16 ends at 65504
 */
async function sendWeights(
  computer: StepComputer,
  { config, train }: Experiment,
  { arm, weights, residual, epochs, current }: ArmState,
): Promise<Float32Array | undefined> {
  const stepsPerEpoch = Math.ceil(train.ids.length / config.batchSize);
  const betweenEpochs = current.steps % stepsPerEpoch === 0;
  if (config.compress === "none" || residual === undefined || betweenEpochs) {
    await computer.setWeights(weights, "none");
    return residual;
  }
  const next = compensate(weights, residual, config.compress);
  if (!allFinite(next.sent)) {
    const where = `in arm ${arm}, epoch ${epochs.length + 1}, step ${current.steps}`;
    const remedy = `try --compress none, or a --learning-rate below ${config.learningRate}`;
    throw new HerdError(
      "divergence",
      `A weight has become too large for --compress ${config.compress} ${where}: ${remedy}`,
    );
  }
  await computer.setWeights(next.sent, config.compress);
  return next.residual;
}

/** Counts time and traffic from now on, on top of what the epoch has taken already. */
function spending(
  computer: StepComputer,
  before: EpochState,
): () => Pick<EpochState, "seconds" | "bytesUp" | "bytesDown"> {
  const started = performance.now();
  const { up, down } = computer.traffic;
  return () => ({
    seconds: before.seconds + (performance.now() - started) / 1000,
    bytesUp: before.bytesUp + computer.traffic.up - up,
    bytesDown: before.bytesDown + computer.traffic.down - down,
  });
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

async function testMetrics(computer: StepComputer, { config, test }: Experiment, epoch: number): Promise<MeanMetrics> {
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

/** SHA-256 of flat float32 weights: equal in two runs whose results are the same bits. */
export function weightsHash(weights: Float32Array): Promise<string> {
  return sha256(new Uint8Array(weights.slice().buffer));
}
