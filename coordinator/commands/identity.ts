// What a run computes: its identity, by which checkpoints are known, and the experiment that follows from it.
import { sha256 } from "../../shared/config.ts";
import { initialWeights } from "../../shared/initial_weights.ts";
import { type ModelDescription, modelOf } from "../../shared/model.ts";
import { refuseLargeModel } from "../../shared/model_cost.ts";
import type { Experiment, NumericConfig } from "../experiment/mod.ts";
import { readRunConfig, type RunIdentity } from "../storage/mod.ts";
import { balancedWeights } from "./class_weights.ts";
import { readInitWeights } from "./init_weights.ts";
import { modelName, modelOfRun } from "./model_choice.ts";
import type { RunData } from "./run_data.ts";
import { DEFAULT_SETTINGS, type Settings } from "./settings.ts";

/** Who a run is, and the weights that all its seeds begin with, where --init-weights names such. */
export interface Identified {
  readonly identity: RunIdentity;
  readonly initWeights: Float32Array | undefined;
}

/**
 * Who a run is; one that is resumed keeps its id.
 * @param model the network of the settings, where it has been read already
 * @throws {HerdError} usage, for a model that cannot be trained or classes that cannot be balanced; data, if the run to be resumed
 * or the file of --init-weights cannot be read
 */
export async function identityOf(settings: Settings, data: RunData, model?: ModelDescription): Promise<Identified> {
  const { resume, arms, seed, control, protocol, imageSize } = settings;
  const spec = modelOf(model ?? await modelOfRun(settings), imageSize, data.info.classes.length);
  refuseLargeModel(modelName(settings.model), spec);
  const initWeights = settings.initWeights === undefined
    ? undefined
    : await readInitWeights(settings.initWeights, spec);
  const runId = resume === undefined
    ? crypto.getRandomValues(new Uint8Array(8)).toHex()
    : (await readRunConfig(resume)).runId;
  const learningRates = ratesOf(settings);
  const hash = initWeights === undefined ? null : await sha256(new Uint8Array(initWeights.slice().buffer));
  const { batchSize, microBatch, compress, compressGradients, limit = null } = settings;
  const { optimizer, momentum, nesterov, gcScope, gcScale } = settings;
  // Absent where there are none: runs are known by these values, and older ones have no such field.
  const { info: { classes }, ids, labels } = data;
  const weights = settings.classWeights === "balanced"
    ? { classWeights: balancedWeights(classes, { ids: ids.train, labels: labels.train }) }
    : {};
  const numeric: NumericConfig = {
    compute: { dataset: data.info.sha256, model: spec, ...weights, batchSize, microBatch, compress, compressGradients },
    limit,
    learningRate: learningRates[0]!,
    optimizer,
    momentum,
    nesterov,
    gcScope,
    gcScale,
    initWeights: hash,
  };
  return { identity: { runId, numeric, plan: { arms, seed, learningRates, control, protocol } }, initWeights };
}

/** The experiment of a run. */
export function experimentOf(
  { identity: { numeric, plan: { seed: first, ...plan } }, initWeights }: Identified,
  { epochs, seeds }: Pick<Settings, "epochs" | "seeds">,
  { ids, labels }: RunData,
): Experiment {
  return {
    config: numeric,
    ...plan,
    seeds: Array.from({ length: seeds }, (_, i) => first + i),
    epochs,
    initialWeights: (seed) => initWeights?.slice() ?? initialWeights(numeric.compute.model, seed),
    train: { ids: ids.train, labels: labels.train },
    test: { ids: ids.test, labels: labels.test },
  };
}

/** The default rate first: that of the Keras example, if it is among them, else the first one named. */
function ratesOf({ learningRate: named }: Settings): number[] {
  const [usual] = DEFAULT_SETTINGS.learningRate;
  const standard = named.find((rate) => rate === usual) ?? named[0]!;
  return [standard, ...named.filter((rate) => rate !== standard)];
}
