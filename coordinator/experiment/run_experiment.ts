// The training loop: trainings take turns; each step is assign → reduce → update → broadcast → record.
import { allFinite, divideBy } from "../../shared/sums.ts";
import { HerdError } from "../../shared/errors.ts";
import { parameterTable } from "../../shared/model.ts";
import { describePosition, type EpochRecord, type MeanMetrics, type Position, type RunKey } from "../events/mod.ts";
import { armOptimizer } from "./arms.ts";
import type { Diagnostics } from "./diagnostics.ts";
import { batchesOf, type Experiment, labelsOf, rateOf, type StepComputer, stepsOf, streamOf } from "./experiment.ts";
import { MetricsAccumulator, rankingOf } from "./metrics.ts";
import { applyUpdate } from "./optimizer.ts";
import { sendWeights } from "./send_weights.ts";
import { secondsOf, Stopwatch } from "./spent.ts";
import { beginTraining, EPOCH_START, type Training, weightsHash } from "./training.ts";
import { nextTurn, trainingOf } from "./turns.ts";

/** Where a training stands after a step. */
export interface StepProgress extends Position {
  /** Means over the epoch so far. */
  readonly metrics: MeanMetrics;
  /** Means over the step's own images. */
  readonly batch: MeanMetrics;
  /** Images of the epoch so far. */
  readonly images: number;
  /** What they took, the process's first step as equally large ones did; null while none of these was timed. */
  readonly seconds: number | null;
}

/** Who hears of an experiment. What has happened is in the trainings when they are called. */
export interface Listeners {
  /** A step is over, and the workers have the weights after it. */
  onStep(progress: StepProgress): void | Promise<void>;
  /** An epoch is over and tested. */
  onEpoch(training: Training, record: EpochRecord): Promise<void>;
  /** A training has diverged, and stands at the end of its last finished step; the others go on. */
  onDivergence(training: Training): Promise<void>;
  /** The experiment is broken off in this training, which stands at the end of its last finished step. */
  onBreak(training: Training): Promise<void>;
}

/** A turn under way. */
interface Epoch {
  readonly training: Training;
  readonly epoch: number;
  readonly computer: StepComputer;
  readonly experiment: Experiment;
  readonly stopwatch: Stopwatch;
  readonly listeners: Listeners;
  readonly diagnostics: Diagnostics | undefined;
}

/**
 * Runs what is left of an experiment. A training whose loss or gradient is not finite ends alone.
 * @param trainings those that have begun; changed while they go on, and extended by those that begin
 * @param diagnostics looks at every step
 * @throws {HerdError} divergence, if all trainings have ended so; and whatever the computer throws
 */
export async function runExperiment(
  computer: StepComputer,
  experiment: Experiment,
  trainings: Training[],
  listeners: Listeners,
  diagnostics?: Diagnostics,
): Promise<void> {
  const stopwatch = new Stopwatch(computer);
  let last: Training | undefined;
  for (let turn; (turn = nextTurn(experiment, trainings)) !== undefined;) {
    const { key, epoch } = turn;
    let training = trainingOf(trainings, key);
    if (training === undefined) {
      training = beginTraining(key, experiment.config, firstWeights(experiment, trainings, key));
      trainings.push(training);
    }
    try {
      // After a turn the workers have its training's weights.
      const residual = training === last ? training.residual : await sendWeights(computer, experiment, training);
      await runEpoch({ training, epoch, computer, experiment, stopwatch, listeners, diagnostics }, residual);
      last = training;
    } catch (error) {
      if (error instanceof HerdError && error.code === "divergence") {
        training.diverged = error.message;
        last = undefined; // the workers have weights that nobody goes on with
        await listeners.onDivergence(training);
        continue;
      }
      // What broke it off matters more than whether its state could be kept.
      await listeners.onBreak(training).catch(() => {});
      throw error;
    }
  }
  const [first] = trainings;
  if (first?.diverged !== undefined && trainings.every(({ diverged }) => diverged !== undefined)) {
    throw new HerdError("divergence", first.diverged);
  }
}

/** What a training begins with: its seed's weights, or those that the seed's first arm has ended with. */
function firstWeights(experiment: Experiment, trainings: readonly Training[], { seed, role }: RunKey): Float32Array {
  const first = role === "published" ? trainingOf(trainings, { arm: experiment.arms[0]!, seed }) : undefined;
  return first?.weights.slice() ?? experiment.initialWeights(seed);
}

/** @param residual the training's after the first step to come, for the weights that the workers have */
async function runEpoch(turn: Epoch, residual: Float32Array | undefined): Promise<void> {
  const { training, epoch, computer, experiment, stopwatch, listeners, diagnostics } = turn;
  const { key, weights, slots } = training;
  const { config } = experiment;
  const seed = streamOf(key);
  const optimizer = armOptimizer(key.arm, { ...config, learningRate: rateOf(key, config) });
  const table = parameterTable(config.compute.model);
  const metrics = new MetricsAccumulator(training.current.metrics);
  const batches = batchesOf(experiment, { key, epoch });
  stopwatch.begin(training.current);
  for (const [i, ids] of batches.entries()) {
    const at = { key, epoch, step: i + 1, steps: batches.length };
    if (at.step <= training.current.steps) continue;
    const sum = await computer.gradients({ seed, epoch, ids, position: at });
    assertFinite(sum.losses, "loss", at, experiment);
    assertFinite(sum.gradient, "gradient", at, experiment);
    divideBy(sum.gradient, ids.length);
    diagnostics?.before(sum.gradient, weights);
    optimizer.update(sum.gradient, { state: slots, weights, table });
    applyUpdate(weights, sum.gradient);
    diagnostics?.after(at, sum.gradient);
    const batch = new MetricsAccumulator();
    for (const one of [metrics, batch]) one.add(sum.losses, sum.logits, labelsOf(experiment.train, ids));
    if (residual !== undefined) training.residual = residual;
    training.current = { steps: at.step, metrics: metrics.sums, ...stopwatch.step(ids.length) };
    residual = await sendWeights(computer, experiment, training);
    const { samples: images } = metrics.sums;
    const seconds = secondsOf(training.current);
    await listeners.onStep({ ...at, metrics: metrics.result(), batch: batch.result(), images, seconds });
  }
  await endEpoch(turn, metrics);
}

/** Tests the weights and closes the epoch. */
async function endEpoch(turn: Epoch, metrics: MetricsAccumulator): Promise<void> {
  const { training, epoch, computer, experiment, stopwatch, listeners } = turn;
  const { train, test } = experiment;
  const { key } = training;
  const steps = stepsOf(experiment);
  const at = { key, epoch, step: steps, steps };
  const began = performance.now();
  const { losses, logits } = await computer.evaluate({
    seed: streamOf(key),
    epoch,
    ids: test.ids,
    position: at,
  });
  const testSeconds = (performance.now() - began) / 1000;
  assertFinite(losses, "test loss", at, experiment);
  const testMetrics = new MetricsAccumulator();
  const testLabels = labelsOf(test, test.ids);
  testMetrics.add(losses, logits, testLabels);
  const { loss: testLoss, accuracy: testAccuracy } = testMetrics.result();
  const weightsSha256 = await weightsHash(training.weights);
  const images = train.ids.length;
  const seconds = secondsOf(training.current);
  const { bytesUp, bytesDown } = stopwatch.total();
  const record: EpochRecord = {
    epoch,
    ...metrics.result(),
    testLoss,
    testAccuracy,
    ...rankingOf(logits, testLabels),
    seconds,
    testSeconds,
    imagesPerSecond: seconds === null ? null : images / seconds,
    bytesUp,
    bytesDown,
  };
  Object.assign(training, {
    epochs: [...training.epochs, record],
    weightsSha256,
    testLogits: logits.slice(),
    current: EPOCH_START,
  });
  await listeners.onEpoch(training, record);
}

function assertFinite(
  values: Float32Array,
  what: string,
  at: Position,
  { config, seeds }: Experiment,
): void {
  if (allFinite(values)) return;
  const where = describePosition(at, seeds);
  const rate = rateOf(at.key, config);
  const remedy = rate > 0
    ? `try a --learning-rate below ${rate}`
    : "the weights that it begins with are not fit for this data";
  throw new HerdError("divergence", `The ${what} is not finite in ${where}: ${remedy}`);
}
