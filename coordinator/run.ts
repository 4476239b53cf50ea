// A run from beginning to end: data, workers, the experiment, the report. The pieces know nothing of each other; they meet here.
import {
  chunkHashes,
  type DataEnvironment,
  limitSplit,
  PackedDataset,
  readChunk,
  resolveDataset,
  type ResolvedDataset,
} from "../data/mod.ts";
import { configHash, type NumericConfig, sha256 } from "../shared/config.ts";
import type { Backend } from "../shared/engine_names.ts";
import { HerdError } from "../shared/errors.ts";
import { initialWeights } from "../shared/initial_weights.ts";
import { builtInModel, type ModelName, type ModelSpec, parameterCount } from "../shared/model.ts";
import { type ArmName } from "./arms.ts";
import { Cluster } from "./cluster.ts";
import { LocalWorkers } from "./launch.ts";
import { type ArmReport, compare, datasetReport, type Report } from "./report.ts";
import type { Reporter } from "./reporter.ts";
import { RunDirectory } from "./run_directory.ts";
import { type EpochRecord, type Experiment, runExperiment } from "./train.ts";

/** Everything that a run is told; main.ts fills it from the command line. */
export interface TrainConfig {
  /** Local worker processes. */
  readonly workers: number;
  /** Workers to wait for before the first step. */
  readonly minWorkers: number;
  /** How long the run waits without any worker before it gives up, in seconds. */
  readonly workerTimeout: number;
  readonly backend: Backend;
  readonly epochs: number;
  readonly batchSize: number;
  readonly microBatch: number;
  readonly learningRate: number;
  readonly momentum: number;
  readonly seed: number;
  readonly arms: readonly ArmName[];
  readonly model: ModelName;
  readonly data: string;
  readonly imageSize: number;
  readonly limit: number | null;
  readonly out: string | undefined;
  readonly listen: { readonly hostname: string; readonly port: number };
  /** What workers must know; undefined makes one up. */
  readonly token: string | undefined;
  readonly environment: DataEnvironment;
  /** worker/main.ts */
  readonly workerEntry: URL;
  readonly version: string;
}

/** Keras's defaults for RMSprop. */
const RHO = 0.9;
const EPSILON = 1e-7;
const JOIN_DEADLINE_MS = 10 * 60_000;

/** The data of a run: the packed file and the ids that the limit leaves. */
interface RunData {
  readonly resolved: ResolvedDataset;
  readonly labels: { readonly train: Uint8Array; readonly test: Uint8Array };
  readonly ids: { readonly train: Uint32Array; readonly test: Uint32Array };
}

/**
 * Runs the experiment and leaves its folder. A run that is broken off leaves a report marked incomplete before it throws.
 * @param signal aborts with the error to end with
 * @throws {HerdError}
 */
export async function train(config: TrainConfig, reporter: Reporter, signal: AbortSignal): Promise<Report> {
  const spec = builtInModel(config.model, config.imageSize);
  const data = await loadData(config, reporter, signal);
  const numeric = numericConfig(config, spec, data);
  const weights = initialWeights(spec, config.seed);
  const initialWeightsSha256 = await weightsHash(weights);
  const folder = await RunDirectory.create(config.out);
  const hash = await configHash(numeric);
  const runId = crypto.getRandomValues(new Uint8Array(8)).toHex();
  const token = config.token ?? crypto.getRandomValues(new Uint8Array(32)).toHex();
  const { path, info } = data.resolved;
  const { hashes, ...manifest } = await chunkHashes(path);
  let endProcess = (_worker: string) => {};
  await using cluster = await Cluster.start({
    runId,
    token,
    ...config.listen,
    config: numeric,
    configHash: hash,
    backend: config.backend,
    workerTimeout: 1000 * config.workerTimeout,
    dataset: { ...manifest, hashes: [...hashes] },
    readChunk: (index) => readChunk(path, index),
    onNotice: (text) => reporter.notice(text),
    onSilent: ({ id, host }) => host === "" && endProcess(id),
    onMember(what, member, reason) {
      reporter.member(what, member, reason);
      if (what === "ready") sayIfMixed(cluster, member.fingerprint, reporter);
    },
  });
  const interrupt = () => cluster.fail(signal.reason as Error);
  signal.addEventListener("abort", interrupt, { once: true });
  const arms: ArmReport[] = [];
  const report = (complete: boolean) => makeReport({ config, spec, data, cluster, arms, complete });
  try {
    signal.throwIfAborted();
    await folder.writeConfig(configFile(config, { numeric, hash, runId, info, address: cluster.address }));
    reporter.started({
      modelName: config.model,
      model: spec,
      arms: config.arms,
      epochs: config.epochs,
      trainImages: data.ids.train.length,
      testImages: data.ids.test.length,
      initialWeightsSha256,
      folder: folder.path,
    });
    await using workers = LocalWorkers.start({
      count: config.workers,
      entry: config.workerEntry,
      address: cluster.localAddress,
      token,
      cachePath: path,
      version: config.version,
      logDir: folder.logs,
      onRestart(text) {
        cluster.countRestart();
        reporter.notice(text);
      },
      onGivenUp(error, left) {
        // Others may go on, and remote workers come; with neither, nobody is left to wait for.
        if (left === 0 && cluster.members.length === 0) cluster.fail(error);
        else reporter.notice(error.message);
      },
    });
    endProcess = (worker) => workers.kill(worker);
    try {
      if (config.workers < config.minWorkers) reporter.notice(`Waiting for workers on ws://${cluster.address}`);
      await cluster.waitForMembers(config.minWorkers, JOIN_DEADLINE_MS);
      const experiment: Experiment = {
        config: numeric,
        arms: config.arms,
        epochs: config.epochs,
        initialWeights: weights,
        train: { ids: data.ids.train, labels: data.labels.train },
        test: { ids: data.ids.test, labels: data.labels.test },
      };
      const saveModel = (arm: ArmName, current: Float32Array) =>
        folder.writeModel(`${arm}-${config.seed}`, spec, current);
      await runExperiment(cluster, experiment, {
        onStep: (progress) => reporter.step(progress),
        onBreak: (arm, current) => folder.writeModel(`${arm}-${config.seed}-partial`, spec, current),
        async onEpoch(arm, record, current) {
          const facts = { arm, seed: config.seed, initialWeightsSha256, weightsSha256: await weightsHash(current) };
          arms.splice(0, arms.length, ...withEpoch(arms, facts, record));
          await folder.appendMetrics({ arm, seed: config.seed, ...record });
          await saveModel(arm, current);
          reporter.epoch(arm, record);
        },
      });
    } finally {
      cluster.stop();
    }
  } catch (error) {
    // What broke the run off matters more than what goes wrong now.
    await folder.writeReport(report(false)).catch(() => {});
    if (!signal.aborted) throw error;
    throw new HerdError("interrupted", `Interrupted: what is finished is in ${folder.path}`);
  } finally {
    signal.removeEventListener("abort", interrupt);
  }
  const final = report(true);
  await folder.writeReport(final);
  reporter.finished(final, folder.path);
  return final;
}

async function loadData(config: TrainConfig, reporter: Reporter, signal: AbortSignal): Promise<RunData> {
  const resolved = await resolveDataset({
    data: config.data,
    imageSize: config.imageSize,
    environment: config.environment,
    signal,
    onProgress: (progress) => reporter.dataProgress(progress),
    onNotice: (text) => reporter.notice(text),
  });
  using dataset = PackedDataset.open(resolved.path);
  const labels = { train: dataset.labels("train").slice(), test: dataset.labels("test").slice() };
  reporter.dataset(resolved.info, { limit: config.limit, fallback: resolved.fallback });
  return { resolved, labels, ids: limitSplit(labels, config.limit) };
}

function numericConfig(config: TrainConfig, model: ModelSpec, { resolved }: RunData): NumericConfig {
  const { limit, batchSize, microBatch, learningRate, momentum, seed } = config;
  const dataset = resolved.info.sha256;
  return { dataset, limit, model, batchSize, microBatch, learningRate, momentum, rho: RHO, epsilon: EPSILON, seed };
}

function configFile(
  config: TrainConfig,
  facts: { numeric: NumericConfig; hash: string; runId: string; info: unknown; address: string },
): unknown {
  const { token: _token, environment: _environment, workerEntry: _entry, version, ...told } = config;
  const { numeric, hash, runId, info, address } = facts;
  const versions = { herd: version, deno: Deno.version.deno, v8: Deno.version.v8 };
  return { runId, address, versions, told, numeric, numericConfigSha256: hash, dataset: info };
}

/** The list with one more epoch of its last arm, or with a new arm. */
function withEpoch(
  arms: readonly ArmReport[],
  facts: Pick<ArmReport, "arm" | "seed" | "initialWeightsSha256" | "weightsSha256">,
  record: EpochRecord,
): ArmReport[] {
  const last = arms.at(-1);
  const epochs = last?.arm === facts.arm ? [...last.epochs, record] : [record];
  const trainSeconds = epochs.reduce((sum, { seconds }) => sum + seconds, 0);
  return [...(last?.arm === facts.arm ? arms.slice(0, -1) : arms), { ...facts, trainSeconds, epochs }];
}

function makeReport(
  { config, spec, data, cluster, arms, complete }: {
    config: TrainConfig;
    spec: ModelSpec;
    data: RunData;
    cluster: Cluster;
    arms: readonly ArmReport[];
    complete: boolean;
  },
): Report {
  const { resolved, labels, ids } = data;
  const members = cluster.history;
  const [first] = members;
  const labelsOf = (split: "train" | "test") => Array.from(ids[split], (id) => labels[split][id]!);
  return {
    complete,
    dataset: datasetReport(resolved.info, {
      labels: { train: labelsOf("train"), test: labelsOf("test") },
      limit: config.limit,
      fallback: resolved.fallback,
    }),
    model: { name: config.model, parameters: parameterCount(spec) },
    engine: {
      name: first?.engine ?? config.backend,
      fingerprint: first?.fingerprint ?? "",
      adapter: first?.adapter ?? "",
    },
    bitIdentical: cluster.bitIdentical && new Set(members.map(({ fingerprint }) => fingerprint)).size <= 1,
    faults: cluster.faults,
    workers: members.map(({ id, engine, adapter, host, imagesPerSecond }) => ({
      id,
      engine,
      adapter,
      host,
      imagesPerSecond,
    })),
    arms,
    comparison: compare(arms),
  };
}

/** Says so when a worker joins whose bits may differ from the others'. */
function sayIfMixed(cluster: Cluster, fingerprint: string, reporter: Reporter): void {
  if (cluster.members.every((other) => other.fingerprint === fingerprint)) return;
  reporter.notice("The workers' fingerprints differ: bit-identity with other sets of workers is off");
}

function weightsHash(weights: Float32Array): Promise<string> {
  return sha256(new Uint8Array(weights.slice().buffer));
}

/** What a run ends with on Ctrl-C. */
export function interrupted(): HerdError {
  return new HerdError("interrupted", "Interrupted");
}
