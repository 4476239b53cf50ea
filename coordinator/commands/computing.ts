// Computing without an experiment: the workers of this machine for as long as something is asked of them.
import type { DataEnvironment } from "../../data/mod.ts";
import { configHash } from "../../shared/config.ts";
import type { Backend } from "../../shared/engine_names.ts";
import { Cluster } from "../cluster/mod.ts";
import { EventBus } from "../events/mod.ts";
import type { NumericConfig } from "../experiment/mod.ts";
import { localLauncher } from "../launch/mod.ts";
import { startWorkers } from "./processes.ts";
import type { TrainParts } from "./run_options.ts";

/** What local workers are started with. */
export interface ComputingOptions {
  readonly parts: TrainParts;
  /** As --backend and --workers say. */
  readonly backend: Backend;
  readonly workers: number | undefined;
  /** The most workers that have something to do. */
  readonly busy: number;
  readonly environment: DataEnvironment;
  /** What they compute with. */
  readonly config: NumericConfig["compute"];
  /** The packed images. */
  readonly path: string;
  /** Where their logs go. */
  readonly logDir: string;
  /** Hears what people should not miss. */
  onNotice(text: string): void;
  /** Hears of each leaf that is done. */
  onLeaf?(): void;
}

/** How long workers may take to be ready, and how long one is waited for when none is left, in milliseconds. */
const JOIN_MS = 600_000;
const WORKER_MS = 300_000;

/**
 * Starts workers, does work with them and ends them.
 * @param work computes with the cluster, which has as many workers as were wanted and no weights yet
 * @param signal aborts with the error to end with
 * @throws {HerdError} usage or cluster, if workers cannot be started or are lost; the signal's reason; what the work throws
 */
export async function withLocalWorkers<T>(
  options: ComputingOptions,
  signal: AbortSignal,
  work: (cluster: Cluster) => Promise<T>,
): Promise<T> {
  const { parts: { chooseEngine, localWorkers, workerEntry }, config, environment: data, path, logDir } = options;
  const engine = await chooseEngine(options.backend);
  const local = await localWorkers(engine, options.workers);
  const count = Math.max(1, Math.min(local.count, options.busy));
  const bus = new EventBus();
  using _ = bus.subscribe("What is told", (event) => {
    if (event.type === "notice" || (event.type === "fault" && event.text !== undefined)) options.onNotice(event.text!);
  });
  const token = crypto.getRandomValues(new Uint8Array(32)).toHex();
  let endProcess = (_worker: string) => {};
  await using cluster = await Cluster.start({
    runId: crypto.getRandomValues(new Uint8Array(8)).toHex(),
    hostname: "127.0.0.1",
    port: 0,
    token,
    config,
    configHash: await configHash(config),
    backend: engine.name,
    fallsBack: options.backend === "auto",
    workerTimeout: WORKER_MS,
    onSilent: ({ id }) => endProcess(id),
    onLeaf: () => options.onLeaf?.(),
    emit: bus.emit,
  });
  const interrupt = () => cluster.fail(signal.reason as Error);
  signal.addEventListener("abort", interrupt, { once: true });
  const launcher = localLauncher(count, local.gpus.slice(0, count));
  let hasBegun = false;
  try {
    signal.throwIfAborted();
    await using workers = startWorkers(
      { launcher, workerEntry, tls: undefined, data, token: undefined, minWorkers: count },
      { cluster, token, cachePath: path, logDir, bus, hasBegun: () => hasBegun },
    );
    endProcess = (worker) => workers.kill(worker);
    try {
      await cluster.waitForMembers(count, JOIN_MS);
      hasBegun = true;
      return await work(cluster);
    } finally {
      cluster.stop();
    }
  } finally {
    signal.removeEventListener("abort", interrupt);
  }
}
