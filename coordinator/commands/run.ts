// A run from beginning to end: data, workers, the experiment, the report. The pieces know nothing of each other; they meet here.
import {
  type DataEnvironment,
  limitSplit,
  PackedDataset,
  resolveDataset,
  type ResolvedDataset,
  ServedDataset,
} from "../../data/mod.ts";
import type { ServerCertificate } from "../../shared/certificates.ts";
import { configHash, type NumericConfig } from "../../shared/config.ts";
import type { Backend } from "../../shared/engine_names.ts";
import { HerdError } from "../../shared/errors.ts";
import type { Compression } from "../../shared/half.ts";
import { initialWeights } from "../../shared/initial_weights.ts";
import { builtInModel, type ModelName, type ModelSpec, parameterCount } from "../../shared/model.ts";
import { addFaults, type ArmName, NO_FAULTS, type WorkerInfo } from "../events/mod.ts";
import {
  type Checkpoint,
  decodeCheckpoint,
  differences,
  type RunHistory,
  type RunIdentity,
} from "../storage/checkpoint.ts";
import { CheckpointStore } from "../storage/checkpoint_store.ts";
import { Cluster } from "../cluster/cluster.ts";
import { type Launcher, localLauncher, WorkerProcesses } from "../launch/mod.ts";
import { describePosition, positionOf } from "../experiment/position.ts";
import { Recorder } from "../storage/recorder.ts";
import { armReport, compare, datasetReport, type Report } from "../report/report.ts";
import type { Reporter } from "../report/reporter.ts";
import { readRunConfig, type RunConfig } from "../storage/run_config.ts";
import { RunDirectory } from "../storage/run_folder.ts";
import { type ArmState, type Experiment, runExperiment, weightsHash } from "../experiment/experiment.ts";

/** Everything that a run is told; main.ts fills it from the command line. */
export interface TrainConfig {
  /** Local worker processes. */
  readonly workers: number;
  /** Where workers are started; by default here. */
  readonly launcher?: Launcher;
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
  /** How weights travel in training steps, and whether gradients travel so too. */
  readonly compress: Compression;
  readonly compressGradients: boolean;
  readonly out: string | undefined;
  /** The folder of a run to go on with: everything that changes its bits must be as it was. */
  readonly resume: string | undefined;
  /** Steps from one checkpoint to the next, besides one after every epoch; null for no others. */
  readonly checkpointSteps: number | null;
  readonly listen: { readonly hostname: string; readonly port: number };
  /** What workers must know; undefined makes one up. */
  readonly token: string | undefined;
  /** Where it is from, to be read again when the run is resumed. */
  readonly tokenFile: string | undefined;
  /** Encrypts what goes to other machines; undefined sends it in clear. */
  readonly tls?: ServerCertificate | undefined;
  /** Where that is from, to be read again when the run is resumed. */
  readonly tlsCert?: string | undefined;
  readonly tlsKey?: string | undefined;
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

/** What is settled before the first worker starts. */
interface Prepared {
  readonly config: TrainConfig;
  readonly data: RunData;
  readonly folder: RunDirectory;
  readonly store: CheckpointStore;
  readonly identity: RunIdentity;
  readonly experiment: Experiment;
  readonly initialWeightsSha256: string;
  /** What a resumed run goes on from. */
  readonly checkpoint: Checkpoint | undefined;
  readonly resumed: boolean;
}

/**
 * Runs the experiment and leaves its folder, or goes on with one that was broken off. A run that is broken off leaves a
 * checkpoint of its last finished step and a report marked incomplete before it throws.
 * @param signal aborts with the error to end with
 * @throws {HerdError}
 */
export async function train(config: TrainConfig, reporter: Reporter, signal: AbortSignal): Promise<Report> {
  const { resume } = config;
  const spec = builtInModel(config.model, config.imageSize);
  const stored = resume === undefined ? undefined : await readRunConfig(resume);
  using reopened = resume === undefined ? undefined : await RunDirectory.reopen(resume);
  const finished = await reopened?.readReport();
  if (finished !== undefined && isFinished(finished, config)) {
    reporter.notice(`The run in ${resume} is finished: see ${resume}/report.html; a larger --epochs goes on with it`);
    return finished;
  }
  const data = await loadData(config, reporter, signal);
  const identity: RunIdentity = {
    runId: stored?.runId ?? crypto.getRandomValues(new Uint8Array(8)).toHex(),
    numeric: numericConfig(config, spec, data),
    arms: config.arms,
  };
  if (stored !== undefined) refuseOther(stored, identity, config);
  const weights = initialWeights(spec, config.seed);
  const experiment: Experiment = {
    config: identity.numeric,
    arms: config.arms,
    epochs: config.epochs,
    initialWeights: weights,
    train: { ids: data.ids.train, labels: data.labels.train },
    test: { ids: data.ids.test, labels: data.labels.test },
  };
  using folder = reopened ?? await RunDirectory.create(config.out);
  const store = new CheckpointStore(folder.checkpoints, (text) => reporter.notice(text));
  const resumed = resume !== undefined;
  const checkpoint = resumed ? await loadCheckpoint(store, { identity, experiment, config, reporter }) : undefined;
  const initialWeightsSha256 = await weightsHash(weights);
  const prepared = { config, data, folder, store, identity, experiment, initialWeightsSha256, checkpoint, resumed };
  return await conduct(prepared, reporter, signal);
}

/** The run itself: workers come, the experiment goes on to its end or is broken off, the report is written. */
async function conduct(prepared: Prepared, reporter: Reporter, signal: AbortSignal): Promise<Report> {
  const { config, data, folder, store, identity, experiment, checkpoint } = prepared;
  const token = config.token ?? crypto.getRandomValues(new Uint8Array(32)).toHex();
  let endProcess = (_worker: string) => {};
  using dataset = ServedDataset.open(data.resolved.path);
  await using cluster = await Cluster.start({
    ...await clusterOptions(prepared),
    dataset,
    token,
    onSilent: ({ id }) => endProcess(id),
    emit(event) {
      if (event.type !== "worker") {
        if (event.text !== undefined) reporter.notice(event.text);
        return;
      }
      const { what, worker, reason } = event;
      reporter.member(what === "excluded" ? "lost" : what, worker, reason);
      if (what === "ready") sayIfMixed(worker, { cluster, earlier: checkpoint?.history, reporter });
    },
  });
  await folder.writeConfig(await configFile(prepared, cluster.address)); // from now on the run can be resumed
  const interrupt = () => cluster.fail(signal.reason as Error);
  signal.addEventListener("abort", interrupt, { once: true });
  const states = [...checkpoint?.states ?? []];
  const history = () => historyOf(cluster, checkpoint?.history, config.version);
  const recorder = new Recorder({
    folder,
    store,
    reporter,
    experiment,
    states,
    checkpointSteps: config.checkpointSteps,
    surroundings: () => ({ identity, history: history() }),
  });
  const report = (complete: boolean) => makeReport({ ...prepared, cluster, history: history(), states, complete });
  try {
    signal.throwIfAborted();
    if (prepared.resumed) await recorder.rewind();
    reporter.started({
      modelName: config.model,
      model: identity.numeric.model,
      arms: config.arms,
      epochs: config.epochs,
      trainImages: data.ids.train.length,
      testImages: data.ids.test.length,
      initialWeightsSha256: prepared.initialWeightsSha256,
      folder: folder.path,
      finishedEpochs: states.reduce((sum, { epochs }) => sum + epochs.length, 0),
      resumedAt: checkpoint && recorder.position,
    });
    if (config.compressGradients) {
      reporter.notice("Gradients are compressed: results depend on who computes what, bit-identity is off");
    }
    {
      let begun = false;
      await using workers = startWorkers(prepared, { cluster, token, reporter, isBegun: () => begun });
      endProcess = (worker) => workers.kill(worker);
      try {
        if (workers.count < config.minWorkers) reporter.notice(`Waiting for workers on ${cluster.url}`);
        await cluster.waitForMembers(config.minWorkers, JOIN_DEADLINE_MS);
        begun = true;
        await runExperiment(cluster, experiment, states, recorder);
      } finally {
        cluster.stop();
      }
    }
    await recorder.finish();
    const final = report(true);
    await folder.writeReport(final);
    reporter.finished(final, folder.path);
    return final;
  } catch (error) {
    // What broke the run off matters more than what goes wrong now.
    await folder.writeReport(report(false)).catch(() => {});
    throw withWayOn(signal.aborted ? interrupted() : error, recorder, folder.path);
  } finally {
    signal.removeEventListener("abort", interrupt);
  }
}

/** What workers are told of the run. */
async function clusterOptions({ config, identity }: Prepared) {
  return {
    runId: identity.runId,
    ...config.listen,
    tls: config.tls,
    config: identity.numeric,
    configHash: await configHash(identity.numeric),
    backend: config.backend,
    workerTimeout: 1000 * config.workerTimeout,
  };
}

function startWorkers(
  { config, data, folder }: Prepared,
  { cluster, token, reporter, isBegun }: { cluster: Cluster; token: string; reporter: Reporter; isBegun(): boolean },
): WorkerProcesses {
  const launcher = config.launcher ?? localLauncher(config.workers);
  return WorkerProcesses.start({
    workers: launcher.plan({
      entry: config.workerEntry,
      localAddress: cluster.localAddress,
      url: cluster.url,
      token,
      certificate: config.tls?.cert,
      cachePath: data.resolved.path,
      cacheDir: config.environment.cacheDir,
    }),
    firstWaitMs: launcher.firstWaitMs,
    logDir: folder.logs,
    onNotice: (text) => reporter.notice(text),
    onRestart: (text) => cluster.countRestart(text),
    onGivenUp(error, left) {
      // Others may go on, and remote workers come; with neither, nobody is left to wait for. Nor is it of use to wait for
      // more than are left, when nobody else knows the token.
      const tooFew = !isBegun() && config.token === undefined && left < config.minWorkers;
      if (tooFew || (left === 0 && cluster.members.length === 0)) cluster.fail(error);
      else reporter.notice(error.message);
    },
  });
}

/** Whether a run has done all that it is to do. */
function isFinished({ complete, arms: done }: Report, { arms, epochs }: TrainConfig): boolean {
  return complete && arms.every((name) => done.some(({ arm, epochs: { length } }) => arm === name && length >= epochs));
}

/** @throws {HerdError} data, if what a run's config.json says gives another run now */
function refuseOther({ numeric }: RunConfig, now: RunIdentity, { resume, data }: TrainConfig): void {
  if (numeric.dataset !== now.numeric.dataset) {
    const hashes = `${resume} was trained on images of SHA-256 ${numeric.dataset}, these have ${now.numeric.dataset}`;
    throw new HerdError("data", `--data ${data} is another data set than before: ${hashes}`);
  }
  const different = differences({ ...now, numeric }, now);
  if (different.length === 0) return;
  throw new HerdError("data", `${resume}/config.json does not fit itself: ${different.join(", ")}; restore it`);
}

/** @throws {HerdError} data, if there are checkpoints but none can be used */
async function loadCheckpoint(
  store: CheckpointStore,
  { identity, experiment, config, reporter }: {
    identity: RunIdentity;
    experiment: Experiment;
    config: TrainConfig;
    reporter: Reporter;
  },
): Promise<Checkpoint | undefined> {
  const checkpoint = await store.load(
    (bytes) => decodeCheckpoint(bytes, identity),
    ({ states }) => describePosition(positionOf(experiment, states)),
  );
  if (checkpoint === undefined) {
    reporter.notice(`There is no checkpoint yet in ${config.resume}: the run starts at its beginning`);
  } else if (checkpoint.history.herd !== config.version) {
    const versions = `version ${checkpoint.history.herd}, this is ${config.version}`;
    reporter.notice(`The checkpoint is of Herd ${versions}: bit-identity with the uninterrupted run is off`);
  }
  return checkpoint;
}

/** What has happened in this process and in those before it. */
function historyOf(cluster: Cluster, earlier: RunHistory | undefined, herd: string): RunHistory {
  const fingerprints = [...new Set([...earlier?.fingerprints ?? [], ...cluster.fingerprints])];
  const asBefore = earlier === undefined || (earlier.bitIdentical && earlier.herd === herd);
  return {
    herd,
    fingerprints,
    bitIdentical: asBefore && cluster.bitIdentical && fingerprints.length <= 1,
    faults: addFaults(earlier?.faults ?? NO_FAULTS, cluster.faults),
  };
}

/** An error that breaks a run off, with where the run stands and how to go on; divergence would only come again. */
function withWayOn(error: unknown, { position, isSafe, saved }: Recorder, folder: string): unknown {
  if (!(error instanceof HerdError) || error.code === "divergence") return error;
  const { code, message } = error;
  const where = saved === undefined
    ? " before the first checkpoint"
    : ` at ${describePosition(position)}${isSafe ? "" : ` (the last checkpoint is of ${saved})`}`;
  const [first, ...log] = message.split("\n"); // the end of a worker's log follows the sentence
  const what = code === "interrupted" ? `${first}${where}` : `${first}; the run ended${where}`;
  const lines = [`${what}: go on with: deno task train --resume ${folder}`, ...log];
  return new HerdError(code, lines.join("\n"), { cause: error });
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
  const { limit, batchSize, microBatch, learningRate, momentum, seed, compress, compressGradients } = config;
  return {
    dataset: resolved.info.sha256,
    limit,
    model,
    batchSize,
    microBatch,
    learningRate,
    momentum,
    rho: RHO,
    epsilon: EPSILON,
    seed,
    compress,
    compressGradients,
  };
}

/** What config.json holds: what the run was told, and what follows from it. */
async function configFile({ config, data, identity }: Prepared, address: string): Promise<unknown> {
  const { token: _token, tls: _tls, environment: _environment, workerEntry: _entry, resume: _resume, ...rest } = config;
  const { version, launcher, listen, ...flags } = rest;
  const { runId, numeric } = identity;
  return {
    runId,
    address,
    versions: { herd: version, deno: Deno.version.deno, v8: Deno.version.v8 },
    told: { ...flags, listen: `${listen.hostname}:${listen.port}`, launcher: launcher?.flag ?? "local" },
    numeric,
    numericConfigSha256: await configHash(numeric),
    dataset: data.resolved.info,
  };
}

function makeReport(
  { config, data, identity, cluster, history, states, initialWeightsSha256, complete }: Prepared & {
    cluster: Cluster;
    history: RunHistory;
    states: readonly ArmState[];
    complete: boolean;
  },
): Report {
  const { resolved, labels, ids } = data;
  const members = cluster.history;
  const [first] = members;
  const labelsOf = (split: "train" | "test") => Array.from(ids[split], (id) => labels[split][id]!);
  const begun = config.arms.flatMap((arm) => states.filter((state) => state.arm === arm && state.epochs.length > 0));
  const arms = begun.map((state) => armReport(state, { seed: config.seed, initialWeightsSha256 }));
  return {
    complete,
    dataset: datasetReport(resolved.info, {
      labels: { train: labelsOf("train"), test: labelsOf("test") },
      limit: config.limit,
      fallback: resolved.fallback,
    }),
    model: { name: config.model, parameters: parameterCount(identity.numeric.model) },
    engine: {
      name: first?.engine ?? config.backend,
      fingerprint: first?.fingerprint ?? "",
      adapter: first?.adapter ?? "",
    },
    compress: config.compress,
    compressGradients: config.compressGradients,
    bitIdentical: history.bitIdentical,
    faults: history.faults,
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

/** Says so when a worker joins whose bits may differ from the others' or from those before the checkpoint. */
function sayIfMixed(
  { id, fingerprint }: WorkerInfo,
  { cluster, earlier, reporter }: { cluster: Cluster; earlier: RunHistory | undefined; reporter: Reporter },
): void {
  if (cluster.fingerprints.some((other) => other !== fingerprint)) {
    reporter.notice("The workers' fingerprints differ: bit-identity with other sets of workers is off");
  }
  if (earlier !== undefined && !earlier.fingerprints.includes(fingerprint)) {
    const before = earlier.fingerprints.map((one) => `${one.slice(0, 16)}…`).join(", ");
    const what = `The fingerprint of ${id} is not that of the checkpoint (${before})`;
    reporter.notice(`${what}: bit-identity with the uninterrupted run is off`);
  }
}

/** What a run ends with on Ctrl-C. */
export function interrupted(): HerdError {
  return new HerdError("interrupted", "Interrupted");
}
