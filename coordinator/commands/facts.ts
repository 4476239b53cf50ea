// What is known of a run before it begins, as its subscribers hear it and as config.json keeps it.
import { shellWord, storedFlags } from "../../shared/cli/stored_flags.ts";
import { camelCase } from "../../shared/cli/flags.ts";
import { configHash } from "../../shared/config.ts";
import { parameterCount } from "../../shared/model.ts";
import type { EngineMemory } from "../../shared/model_cost.ts";
import { allKeys, type Position, type RunFacts, type TrainingRecord } from "../events/mod.ts";
import { beginTraining, type Experiment, stepsOf, type Training, weightsHash } from "../experiment/mod.ts";
import type { Resumed, RunConfig, RunDirectory, RunIdentity } from "../storage/mod.ts";
import { modelName } from "./model_choice.ts";
import type { RunOptions } from "./run_options.ts";
import type { RunData } from "./run_data.ts";
import { type Settings, trainFlags } from "./settings.ts";

/** @param at where the experiment stands */
export async function runFacts(
  { options: { settings, verify, backend, version }, memory, folder, identity, experiment, declared, resumed }: {
    readonly options: RunOptions;
    readonly memory: EngineMemory | null;
    readonly declared: RunConfig["declared"];
    readonly folder: RunDirectory;
    readonly identity: RunIdentity;
    readonly experiment: Experiment;
    readonly resumed: Resumed | undefined;
  },
  at: Position,
): Promise<RunFacts> {
  const { numeric } = identity;
  const { arms, seeds, learningRates, control, protocol } = experiment;
  const {
    compute: { batchSize, microBatch, classWeights = null },
    optimizer,
    momentum,
    nesterov,
    gcScope,
    gcScale,
    initWeights,
  } = numeric;
  const hashes: Record<number, string> = {};
  // One after another: all at once they might not fit into memory.
  for (const seed of seeds) hashes[seed] = await weightsHash(experiment.initialWeights(seed));
  return {
    folder: folder.path,
    herd: version,
    backend,
    modelName: modelName(settings.model),
    model: numeric.compute.model,
    memory,
    arms,
    seeds,
    learningRates,
    control,
    protocol,
    optimizer,
    momentum,
    nesterov,
    gcScope,
    gcScale,
    initWeights,
    batchSize,
    microBatch,
    classWeights,
    epochs: settings.epochs,
    declared,
    primary: settings.primary,
    command: commandOf({ ...settings, backend }),
    deno: Deno.version.deno,
    diskBytes: diskBytes(experiment),
    steps: stepsOf(experiment),
    verify,
    initialWeightsSha256: hashes,
    compress: settings.compress,
    compressGradients: settings.compressGradients,
    resumed: resumed === undefined
      ? null
      : { at, history: resumed.history, trainings: resumed.trainings.map(recordOf) },
  };
}

/** What config.json holds: what the run was told, and what follows from it. @param address where workers find it */
export async function configFile(
  { options: { settings, version }, data: { info }, identity: { runId, numeric }, declared }: {
    readonly declared: RunConfig["declared"];
    readonly options: RunOptions;
    readonly data: RunData;
    readonly identity: RunIdentity;
  },
  address: string,
): Promise<unknown> {
  return {
    runId,
    address,
    versions: { herd: version, deno: Deno.version.deno, v8: Deno.version.v8 },
    told: storedFlags(trainFlags, settings),
    numeric,
    declared,
    computeConfigSha256: await configHash(numeric.compute),
    dataset: info,
  };
}

function recordOf({ key, epochs, weightsSha256, testLogits, diverged }: Training): TrainingRecord {
  return { key, epochs, weightsSha256, testLogits: [...testLogits], diverged: diverged ?? null };
}

/** The command that repeats a run: what changes its result, and how far it goes. */
function commandOf(settings: Settings): string {
  const values = settings as Readonly<Record<string, unknown>>;
  const named = ["epochs", "seeds", "backend", "primary", "diagnostics", "data", "init-weights"];
  const words = Object.entries(trainFlags).flatMap(([name, { kept, fallback, value }]) => {
    const said = values[camelCase(name)];
    const isWanted = kept === "bits" || named.includes(name);
    if (!isWanted || said === undefined || String(said) === String(fallback)) return [];
    return value === null ? [`--${name}`] : [`--${name}`, shellWord(String(said))];
  });
  return ["deno", "task", "train", ...words].join(" ");
}

/** What the run's folder will have at its end, about: of each training two checkpoints, the last model and the best one. */
function diskBytes(experiment: Experiment): number {
  const [key] = allKeys(experiment);
  const count = parameterCount(experiment.config.compute.model);
  const { slots, residual } = beginTraining(key!, experiment.config, new Float32Array(count));
  const kept = count * (1 + (residual === undefined ? 0 : 1)) +
    Object.values(slots).reduce((sum, { length }) => sum + length, 0);
  const models = 2 * 2 * count;
  return 4 * (2 * kept + models) * allKeys(experiment).length;
}
