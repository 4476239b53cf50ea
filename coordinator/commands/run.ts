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
import { configHash } from "../../shared/config.ts";
import type { Backend } from "../../shared/engine_names.ts";
import { HerdError } from "../../shared/errors.ts";
import type { Compression } from "../../shared/half.ts";
import { initialWeights } from "../../shared/initial_weights.ts";
import { builtInModel, type ModelName, type ModelSpec, parameterCount } from "../../shared/model.ts";
import {
  type ArmName,
  describePosition,
  joinHistories,
  type RunEvent,
  type RunFacts,
  type RunHistory,
  type WorkerInfo,
} from "../events/mod.ts";
import { Cluster } from "../cluster/cluster.ts";
import { type Launcher, localLauncher, WorkerProcesses } from "../launch/mod.ts";
import {
  type Experiment,
  type NumericConfig,
  runExperiment,
  type StepProgress,
  type Training,
  weightsHash,
} from "../experiment/mod.ts";
import { armReport, compare, datasetReport, parseReport, type Report } from "../report/report.ts";
import { reportHtml } from "../report/report_html.ts";
import type { Reporter } from "../report/reporter.ts";
import {
  CheckpointStore,
  differences,
  loadCheckpoints,
  MetricsFile,
  readReportText,
  readRunConfig,
  Recorder,
  type Resumed,
  type RunConfig,
  RunDirectory,
  type RunIdentity,
} from "../storage/mod.ts";

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
  readonly initialWeightsSha256: RunFacts["initialWeightsSha256"];
  /** What a resumed run goes on from. */
  readonly checkpoint: Resumed | undefined;
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
  const finished = resume === undefined ? undefined : await readReport(resume);
  if (finished !== undefined && isFinished(finished, config)) {
    reporter.notice(`The run in ${resume} is finished: see ${resume}/report.html; a larger --epochs goes on with it`);
    return finished;
  }
  const data = await loadData(config, reporter, signal);
  const identity: RunIdentity = {
    runId: stored?.runId ?? crypto.getRandomValues(new Uint8Array(8)).toHex(),
    numeric: numericConfig(config, spec, data),
    arms: config.arms,
    seeds: [config.seed],
  };
  if (stored !== undefined) refuseOther(stored, identity, config);
  const experiment: Experiment = {
    config: identity.numeric,
    arms: identity.arms,
    seeds: identity.seeds,
    epochs: config.epochs,
    initialWeights: (seed) => initialWeights(spec, seed),
    train: { ids: data.ids.train, labels: data.labels.train },
    test: { ids: data.ids.test, labels: data.labels.test },
  };
  using folder = reopened ?? await RunDirectory.create(config.out);
  const store = new CheckpointStore(folder.checkpoints, (text) => reporter.notice(text));
  const resumed = resume !== undefined;
  const checkpoint = resumed ? await loadCheckpoint(store, { identity, experiment, config, reporter }) : undefined;
  const hashes = identity.seeds.map(async (seed) => [seed, await weightsHash(initialWeights(spec, seed))] as const);
  const initialWeightsSha256 = Object.fromEntries(await Promise.all(hashes));
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
  const trainings = [...checkpoint?.trainings ?? []];
  const history = () => historyOf(cluster, checkpoint?.history, config.version);
  const metrics = new MetricsFile(folder, (text) => reporter.notice(text));
  let told = Promise.resolve();
  const emit = (event: RunEvent) => {
    told = told.then(() => metrics.handle(event));
    if (event.type === "notice") reporter.notice(event.text);
    if (event.type === "epoch") reporter.epoch(event.key.arm, event.record);
  };
  const recorder = new Recorder({
    folder,
    store,
    experiment,
    trainings,
    checkpointSteps: config.checkpointSteps,
    surroundings: () => ({ identity, history: history() }),
    onStep: (progress: StepProgress) => reporter.step({ ...progress, arm: progress.key.arm }),
    emit,
  });
  const report = (complete: boolean) => makeReport({ ...prepared, history: history(), trainings, complete });
  const writeReport = async (written: Report) => await folder.writeReport(written, reportHtml(written));
  try {
    signal.throwIfAborted();
    if (prepared.resumed) await recorder.rewind();
    emit({
      type: "run",
      folder: folder.path,
      herd: config.version,
      modelName: config.model,
      model: identity.numeric.compute.model,
      arms: identity.arms,
      seeds: identity.seeds,
      epochs: config.epochs,
      initialWeightsSha256: prepared.initialWeightsSha256,
      compress: config.compress,
      compressGradients: config.compressGradients,
      resumed: checkpoint === undefined ? null : { at: recorder.position, ...checkpoint },
    });
    reporter.started({
      modelName: config.model,
      model: identity.numeric.compute.model,
      arms: config.arms,
      epochs: config.epochs,
      trainImages: data.ids.train.length,
      testImages: data.ids.test.length,
      initialWeightsSha256: prepared.initialWeightsSha256[config.seed]!,
      folder: folder.path,
      finishedEpochs: trainings.reduce((sum, { epochs }) => sum + epochs.length, 0),
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
        await runExperiment(cluster, experiment, trainings, recorder);
      } finally {
        cluster.stop();
      }
    }
    await recorder.finish();
    await told;
    await metrics.finish();
    const final = report(true);
    await writeReport(final);
    reporter.finished(final, folder.path);
    return final;
  } catch (error) {
    // What broke the run off matters more than what goes wrong now.
    await told;
    await writeReport(report(false)).catch(() => {});
    throw withWayOn(signal.aborted ? interrupted() : error, recorder, { folder: folder.path, seeds: identity.seeds });
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
    config: identity.numeric.compute,
    configHash: await configHash(identity.numeric.compute),
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

/** A run's report, if there is one that can be read. */
async function readReport(folder: string): Promise<Report | undefined> {
  try {
    return parseReport(await readReportText(folder), folder);
  } catch {
    return undefined;
  }
}

/** Whether a run has done all that it is to do. */
function isFinished({ complete, arms: done }: Report, { arms, epochs }: TrainConfig): boolean {
  return complete && arms.every((name) => done.some(({ arm, epochs: { length } }) => arm === name && length >= epochs));
}

/** @throws {HerdError} data, if what a run's config.json says gives another run now */
function refuseOther({ numeric }: RunConfig, now: RunIdentity, { resume, data }: TrainConfig): void {
  const [before, after] = [numeric.compute.dataset, now.numeric.compute.dataset];
  if (before !== after) {
    const hashes = `${resume} was trained on images of SHA-256 ${before}, these have ${after}`;
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
): Promise<Resumed | undefined> {
  const checkpoint = await loadCheckpoints(store, identity, experiment);
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
  const { history: workers, fingerprints, bitIdentical, faults } = cluster;
  return joinHistories(earlier, { herd, workers, fingerprints, bitIdentical, faults });
}

/** An error that breaks a run off, with where the run stands and how to go on; divergence would only come again. */
function withWayOn(
  error: unknown,
  { position, isSafe, saved }: Recorder,
  { folder, seeds }: { readonly folder: string; readonly seeds: readonly number[] },
): unknown {
  if (!(error instanceof HerdError) || error.code === "divergence") return error;
  const { code, message } = error;
  const where = saved === undefined
    ? " before the first checkpoint"
    : ` at ${describePosition(position, seeds)}${isSafe ? "" : ` (the last checkpoint is of ${saved})`}`;
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
  const { limit, batchSize, microBatch, learningRate, momentum, compress, compressGradients } = config;
  const { sha256: dataset } = resolved.info;
  return {
    compute: { dataset, model, batchSize, microBatch, compress, compressGradients },
    limit,
    learningRate,
    momentum,
    rho: RHO,
    epsilon: EPSILON,
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
    computeConfigSha256: await configHash(numeric.compute),
    dataset: data.resolved.info,
  };
}

function makeReport(
  { config, data, identity, history, trainings, initialWeightsSha256, complete }: Prepared & {
    history: RunHistory;
    trainings: readonly Training[];
    complete: boolean;
  },
): Report {
  const { resolved, labels, ids } = data;
  const { workers: members } = history;
  const [first] = members;
  const labelsOf = (split: "train" | "test") => Array.from(ids[split], (id) => labels[split][id]!);
  const arms = config.arms.flatMap((arm) => trainings.filter(({ key, epochs }) => key.arm === arm && epochs.length > 0))
    .map((training) => armReport(training, initialWeightsSha256[training.key.seed]!));
  return {
    complete,
    dataset: datasetReport(resolved.info, {
      labels: { train: labelsOf("train"), test: labelsOf("test") },
      limit: config.limit,
      fallback: resolved.fallback,
    }),
    model: { name: config.model, parameters: parameterCount(identity.numeric.compute.model) },
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
