// What is known of a run before it begins, as its subscribers hear it and as config.json keeps it.
import { storedFlags } from "../../shared/cli/stored_flags.ts";
import { configHash } from "../../shared/config.ts";
import type { Position, RunFacts, TrainingRecord } from "../events/mod.ts";
import { type Experiment, stepsOf, type Training, weightsHash } from "../experiment/mod.ts";
import type { Resumed, RunDirectory, RunIdentity } from "../storage/mod.ts";
import type { RunOptions } from "./run_options.ts";
import type { RunData } from "./run_data.ts";
import { trainFlags } from "./settings.ts";

/** @param at where the experiment stands */
export async function runFacts(
  { options: { settings, verify, backend, version }, folder, identity: { numeric, arms, seeds }, experiment, resumed }:
    {
      readonly options: RunOptions;
      readonly folder: RunDirectory;
      readonly identity: RunIdentity;
      readonly experiment: Experiment;
      readonly resumed: Resumed | undefined;
    },
  at: Position,
): Promise<RunFacts> {
  const hashes = seeds.map(async (seed) => [seed, await weightsHash(experiment.initialWeights(seed))] as const);
  return {
    folder: folder.path,
    herd: version,
    backend,
    modelName: settings.model,
    model: numeric.compute.model,
    arms,
    seeds,
    epochs: settings.epochs,
    steps: stepsOf(experiment),
    verify,
    initialWeightsSha256: Object.fromEntries(await Promise.all(hashes)),
    compress: settings.compress,
    compressGradients: settings.compressGradients,
    resumed: resumed === undefined
      ? null
      : { at, history: resumed.history, trainings: resumed.trainings.map(recordOf) },
  };
}

/** What config.json holds: what the run was told, and what follows from it. @param address where workers find it */
export async function configFile(
  { options: { settings, version }, data: { info }, identity: { runId, numeric } }: {
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
    computeConfigSha256: await configHash(numeric.compute),
    dataset: info,
  };
}

function recordOf({ key, epochs, weightsSha256 }: Training): TrainingRecord {
  return { key, epochs, weightsSha256 };
}
