// What a run computes: its identity, by which checkpoints are known, and the experiment that follows from it.
import { initialWeights } from "../../shared/initial_weights.ts";
import { builtInModel } from "../../shared/model.ts";
import type { Experiment, NumericConfig } from "../experiment/mod.ts";
import { readRunConfig, type RunIdentity } from "../storage/mod.ts";
import type { RunData } from "./run_data.ts";
import type { Settings } from "./settings.ts";

/** Keras's defaults for RMSprop. */
const RHO = 0.9;
const EPSILON = 1e-7;

/**
 * Who a run is; one that is resumed keeps its id.
 * @throws {HerdError} usage, if the images are too small for the model; data, if the run to be resumed cannot be read
 */
export async function identityOf(settings: Settings, data: RunData): Promise<RunIdentity> {
  const { resume, arms, seed } = settings;
  const runId = resume === undefined
    ? crypto.getRandomValues(new Uint8Array(8)).toHex()
    : (await readRunConfig(resume)).runId;
  return { runId, numeric: numericConfig(settings, data), arms, seeds: [seed] };
}

/** The experiment of a run. */
export function experimentOf(
  { numeric, arms, seeds }: RunIdentity,
  { epochs }: Settings,
  { ids, labels }: RunData,
): Experiment {
  return {
    config: numeric,
    arms,
    seeds,
    epochs,
    initialWeights: (seed) => initialWeights(numeric.compute.model, seed),
    train: { ids: ids.train, labels: labels.train },
    test: { ids: ids.test, labels: labels.test },
  };
}

function numericConfig(settings: Settings, { info }: RunData): NumericConfig {
  const { model, imageSize, batchSize, microBatch, compress, compressGradients, limit = null } = settings;
  const { learningRate, momentum } = settings;
  const spec = builtInModel(model, imageSize);
  return {
    compute: { dataset: info.sha256, model: spec, batchSize, microBatch, compress, compressGradients },
    limit,
    learningRate,
    momentum,
    rho: RHO,
    epsilon: EPSILON,
  };
}
