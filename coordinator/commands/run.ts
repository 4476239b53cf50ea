// A run from beginning to end: data, workers, the experiment, the report. The rooms know nothing of each other; they meet here.
import { ServedDataset } from "../../data/mod.ts";
import { configHash } from "../../shared/config.ts";
import { HerdError, messageOf } from "../../shared/errors.ts";
import type { EngineMemory } from "../../shared/model_cost.ts";
import { Cluster } from "../cluster/mod.ts";
import {
  type ClusterEvent,
  type DiagnosticsSummary,
  type EventBus,
  historyOf,
  type RunFacts,
  type Subscription,
} from "../events/mod.ts";
import {
  Diagnostics,
  type Experiment,
  runExperiment,
  standOf,
  type StepProgress,
  type Training,
} from "../experiment/mod.ts";
import { EventFiles, type Report, reportHtml, reportOf, tablesOf, TraceFile } from "../report/mod.ts";
import {
  CheckpointStore,
  DiagnosticsFile,
  keepWhatWasBefore,
  MetricsFile,
  readRunConfig,
  Recorder,
  type Resumed,
  type RunConfig,
  RunDirectory,
  type RunIdentity,
} from "../storage/mod.ts";
import { configFile, runFacts } from "./facts.ts";
import { experimentOf, identityOf } from "./identity.ts";
import { modelOfRun } from "./model_choice.ts";
import { startWorkers } from "./processes.ts";
import { finishedReport, loadResumed, refuseOther, warnIfMixed } from "./resume.ts";
import { loadData, type RunData } from "./run_data.ts";
import type { RunOptions } from "./run_options.ts";
import { mayGoOn, withWayOn } from "./way_on.ts";

/** What is settled before the first worker starts. */
interface Prepared {
  readonly options: RunOptions;
  readonly data: RunData;
  /** Of a local worker's engine, where that is known. */
  readonly memory: EngineMemory | null;
  readonly folder: RunDirectory;
  readonly store: CheckpointStore;
  readonly identity: RunIdentity;
  readonly experiment: Experiment;
  /** As the run was begun. */
  readonly declared: RunConfig["declared"];
  /** What a resumed run goes on from. */
  readonly resumed: Resumed | undefined;
  readonly bus: EventBus;
  readonly signal: AbortSignal;
}

/** What metrics.jsonl gets to be written to its end, in a run that is complete and in one that is broken off. */
const SETTLE_MS = 60_000;
const BROKEN_OFF_SETTLE_MS = 500;

/**
 * Runs the experiment and leaves its folder, or goes on with one that was broken off. A run that is broken off leaves a
 * checkpoint of its last finished step and a report marked incomplete before it throws.
 * @param bus hears all that happens, at last the end
 * @param signal aborts with the error to end with
 * @throws {HerdError} usage, data, cluster, divergence, or what the signal says
 */
export async function runTraining(options: RunOptions, bus: EventBus, signal: AbortSignal): Promise<Report> {
  try {
    const report = await prepareAndRun(options, bus, signal);
    bus.emit({ type: "end", complete: true, error: null });
    return report;
  } catch (error) {
    const code = error instanceof HerdError ? error.code : "bug";
    bus.emit({ type: "end", complete: false, error: { code, message: messageOf(error) } });
    throw error;
  }
}

async function prepareAndRun(options: RunOptions, bus: EventBus, signal: AbortSignal): Promise<Report> {
  const { settings, images, data: environment } = options;
  const { resume } = settings;
  using reopened = resume === undefined ? undefined : await RunDirectory.reopen(resume);
  const finished = await finishedReport(settings, bus);
  if (finished !== undefined) return finished;
  const model = await modelOfRun(settings);
  const data = await loadData(settings, { images, environment, bus, signal });
  const identified = await identityOf(settings, data, model);
  const { identity } = identified;
  const { model: spec, ...sizes } = identity.numeric.compute;
  const memory = await options.memoryOf?.({ spec, ...sizes }) ?? null;
  await refuseOther(identity, settings);
  const experiment = experimentOf(identified, settings, data);
  const declared = resume === undefined ? settings : (await readRunConfig(resume)).declared;
  using folder = reopened ?? await RunDirectory.create(settings.out);
  const store = new CheckpointStore(folder.checkpoints, (text) => bus.emit({ type: "notice", text }));
  const resumed = await loadResumed(store, { identity, experiment, options, folder, bus });
  const { seeds, epochs } = declared;
  const run = { options, data, memory, folder, store };
  const prepared = { ...run, identity, experiment, declared: { seeds, epochs }, resumed };
  return await recordRun({ ...prepared, bus, signal });
}

/** The run, and what it leaves: metrics, checkpoints, models and the report, also when it is broken off. */
async function recordRun(prepared: Prepared): Promise<Report> {
  const { options, folder, store, identity, experiment, resumed, bus, signal } = prepared;
  const trainings = [...resumed?.trainings ?? []];
  const metrics = new MetricsFile(folder, (text) => bus.emit({ type: "notice", text }));
  using metricsLines = bus.subscribe("metrics.jsonl", (event) => metrics.handle(event));
  using events = eventFiles(prepared);
  using trace = traceFile(prepared);
  using _kept = bus.subscribe("The keeping of checkpoints", keepWhatWasBefore(store));
  using _warnings = bus.subscribe("The look at fingerprints", warnIfMixed(bus, resumed?.history));
  let tellStep = (_progress: StepProgress) => {};
  const recorder = new Recorder({
    folder,
    store,
    experiment,
    trainings,
    primary: options.settings.primary,
    checkpointSteps: options.settings.checkpointSteps ?? null,
    surroundings: () => ({ identity, history: historyOf(bus.snapshot) }),
    onStep: (progress) => tellStep(progress),
    emit: bus.emit,
  });
  const facts = await runFacts(prepared, recorder.position);
  const writeReport = async (complete: boolean) => {
    const report = reportOf(bus.snapshot, complete);
    // The figures do not depend on whether they can be drawn.
    await folder.writeReport(report, tablesOf(report, bus.snapshot));
    await folder.writePage(await reportHtml(report));
    return report;
  };
  try {
    signal.throwIfAborted();
    if (resumed !== undefined) await recorder.rewind({ wentBack: resumed.rid.length > 0 });
    const file = options.settings.diagnostics ? await openDiagnostics(prepared, trainings) : undefined;
    const diagnostics = file && diagnosticsOf(prepared, file);
    await compute(prepared, { facts, trainings, recorder, diagnostics, onStep: (tell) => tellStep = tell });
    await recorder.finish();
    file?.finish();
    await metricsLines.settle(SETTLE_MS);
    for (const files of [events, trace]) await files?.settle(SETTLE_MS);
    await metrics.finish();
    return await writeReport(true);
  } catch (error) {
    // What broke the run off matters more than what goes wrong now.
    await writeReport(false).catch(() => {});
    await Promise.all([metricsLines, events, trace].map((files) => files?.settle(BROKEN_OFF_SETTLE_MS)));
    const { folder: { path }, experiment: { seeds }, options: { settings, images } } = prepared;
    const run = { folder: path, seeds, settings, isOfProgram: images !== undefined };
    throw withWayOn(signal.aborted ? signal.reason : error, recorder, run);
  }
}

/** What writes --tensorboard's files. */
function eventFiles({ options: { settings }, folder, bus }: Prepared): Subscription | undefined {
  if (!settings.tensorboard) return undefined;
  const files = new EventFiles(folder.events, (text) => bus.emit({ type: "notice", text }));
  return bus.subscribe("events/", files.handle);
}

/** What writes --trace's file. */
function traceFile({ options: { settings }, folder, bus }: Prepared): Subscription | undefined {
  if (!settings.trace) return undefined;
  const file = new TraceFile(folder.path, (text) => bus.emit({ type: "notice", text }));
  return bus.subscribe("trace.json", file.handle);
}

/** diagnostics.csv, with the rows of the steps that trainings have behind them. */
function openDiagnostics(
  { experiment, folder, bus }: Prepared,
  trainings: readonly Training[],
): Promise<DiagnosticsFile> {
  const stands = trainings.map((training) => standOf(experiment, training));
  const onNotice = (text: string) => bus.emit({ type: "notice", text });
  const { learningRate } = experiment.config;
  return DiagnosticsFile.open(folder.diagnostics, { stands, learningRate, onNotice });
}

/** What looks at every step. What it has seen is told at the beginning, and after each epoch. */
function diagnosticsOf({ experiment, bus }: Prepared, file: DiagnosticsFile): Diagnostics {
  const { config, arms } = experiment;
  const onSummary = (summary: DiagnosticsSummary) => bus.emit({ type: "diagnostics", summary });
  const diagnostics = new Diagnostics({ config, arms, earlier: file.earlier, onRows: file.append, onSummary });
  const before = diagnostics.summary();
  if (before !== null) onSummary(before);
  return diagnostics;
}

/** Workers come, and the experiment goes on to its end with them. */
async function compute(
  prepared: Prepared,
  { facts, trainings, recorder, diagnostics, onStep }: {
    readonly facts: RunFacts;
    readonly trainings: Training[];
    readonly recorder: Recorder;
    readonly diagnostics: Diagnostics | undefined;
    /** Is handed what tells of a step, once there is a cluster. */
    onStep(tell: (progress: StepProgress) => void): void;
  },
): Promise<void> {
  const { options, data, folder, identity, experiment, bus, signal } = prepared;
  const { settings, minWorkers } = options;
  const token = options.token ?? crypto.getRandomValues(new Uint8Array(32)).toHex();
  const { compute: config } = identity.numeric;
  let endProcess = (_worker: string) => {};
  using dataset = ServedDataset.open(data.path);
  await using cluster = await Cluster.start({
    runId: identity.runId,
    ...options.listen,
    tls: options.tls,
    token,
    config,
    configHash: await configHash(config),
    backend: options.backend,
    fallsBack: options.fallsBack,
    workerTimeout: 1000 * settings.workerTimeout,
    verify: options.verify,
    traced: settings.trace,
    dataset,
    onSilent: ({ id }) => endProcess(id),
    emit: (event) => bus.emit(sinceBefore(event, prepared)),
  });
  onStep(({ metrics, ...progress }) => {
    const { traffic, stepSeconds, stepWork: work } = cluster;
    bus.emit({ type: "step", ...progress, ...metrics, traffic, speeds: speedsOf(cluster), work, stepSeconds });
  });
  await options.watch?.({ runId: identity.runId, silences: () => cluster.silences });
  await folder.writeConfig(await configFile(prepared, cluster.address)); // from now on the run can be resumed
  bus.emit({ type: "run", ...facts });
  if (settings.compressGradients) {
    const text = "Gradients are compressed: results depend on who computes what, bit-identity is off";
    bus.emit({ type: "notice", text });
  }
  const interrupt = () => cluster.fail(signal.reason as Error);
  signal.addEventListener("abort", interrupt, { once: true });
  let hasBegun = false;
  const places = { cluster, token, cachePath: data.path, logDir: folder.logs, bus, hasBegun: () => hasBegun };
  try {
    await using workers = startWorkers(options, places);
    endProcess = (worker) => workers.kill(worker);
    let broken = false;
    try {
      if (workers.count < minWorkers) bus.emit({ type: "notice", text: `Waiting for workers on ${cluster.url}` });
      await cluster.waitForMembers(minWorkers, 1000 * settings.joinTimeout);
      hasBegun = true;
      await runExperiment(cluster, experiment, trainings, recorder, diagnostics);
    } catch (error) {
      broken = mayGoOn(error);
      throw error;
    } finally {
      cluster.stop(broken);
    }
  } finally {
    signal.removeEventListener("abort", interrupt);
  }
}

/** Of a worker that took part in earlier processes of the run it is not known when it began: all of the run is in doubt. */
function sinceBefore(event: ClusterEvent, { resumed, experiment }: Prepared): ClusterEvent {
  if (event.type !== "taint" || !resumed?.history.workers.some(({ id }) => id === event.worker)) return event;
  const [arm, seed] = [experiment.arms[0]!, experiment.seeds[0]!];
  return { ...event, since: { key: { arm, seed }, epoch: 1, step: 1, steps: event.since.steps } };
}

function speedsOf({ members }: Cluster): Record<string, number> {
  return Object.fromEntries(members.map(({ id, imagesPerSecond }) => [id, imagesPerSecond]));
}
