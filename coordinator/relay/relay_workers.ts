// The worker processes behind a relay: a cluster on the loopback that lives as long as the relay, whatever becomes of the
// connection to the run's coordinator, so that its workers need not start anew.
import { type LogFolder, openLogFolder } from "../../data/mod.ts";
import type { ComputeConfig } from "../../shared/config.ts";
import type { Backend } from "../../shared/engine_names.ts";
import type { OrderComputer } from "../../shared/order_computer.ts";
import { Cluster } from "../cluster/mod.ts";
import { describeFaults } from "../events/mod.ts";
import { localLauncher, WorkerProcesses } from "../launch/mod.ts";
import { RelayComputer } from "./relay.ts";

/** What a relay's user decides. */
export interface RelayOptions {
  /** How long it waits when none of its workers is left, in seconds. */
  readonly workerTimeout: number;
  /** How long it waits for its workers to be ready at first, in seconds. */
  readonly joinTimeout: number;
  /** Herd's cache folder. */
  readonly cacheDir: string;
  /** worker/main.ts */
  readonly workerEntry: URL;
  /** Receives lines for people. */
  log(text: string): void;
}

/** What the run's coordinator says of the run. */
export interface RelayedRun {
  /** 16 hexadecimal digits, the same in every process of a run that is resumed. */
  readonly runId: string;
  /** What the workers' trial passes draw their noise by. */
  readonly probeKey: string;
  /** What the relay is called there. */
  readonly workerId: string;
  /** What the workers compute with. */
  readonly config: ComputeConfig;
  /** SHA-256 of the config. */
  readonly configHash: string;
  /** The packed data set, on this machine. */
  readonly cachePath: string;
  /** What the workers compute with. */
  readonly backend: Backend;
  /** Whether they may take another engine where a device is lost again and again. */
  readonly fallsBack: boolean;
  /** How many processes are started. */
  readonly workers: number;
  /** Their GPUs, as DRI_PRIME; empty where they are told none. */
  readonly gpus: readonly string[];
  /** Is called for each leaf that a worker has done: a sign of life. */
  onLeaf(): void;
  /** Is called with what a worker is doing that is not ready yet. */
  onProgress(text: string): void;
}

/** The workers; started for the first connection, ended when disposed. */
export class RelayWorkers implements AsyncDisposable {
  readonly #options: RelayOptions;
  #onLeaf = () => {};
  #onProgress = (_text: string) => {};
  #begun: {
    readonly configHash: string;
    readonly probeKey: string;
    readonly logs: LogFolder;
    readonly cluster: Cluster;
    readonly processes: WorkerProcesses;
  } | undefined;

  /** Nothing is started yet. */
  constructor(options: RelayOptions) {
    this.#options = options;
  }

  /**
   * Waits until the workers are ready. Those of an earlier connection go on, if it was for the same run and config.
   * @throws {HerdError} cluster, if they do not become so
   */
  async prepare(run: RelayedRun): Promise<OrderComputer> {
    this.#onLeaf = run.onLeaf;
    this.#onProgress = run.onProgress;
    if (this.#begun?.configHash === run.configHash && this.#begun.probeKey === run.probeKey) {
      // All of them may be on their way back; the coordinator has other workers meanwhile.
      await this.#begun.cluster.waitForMembers(1, 1000 * this.#options.workerTimeout);
    } else {
      await this[Symbol.asyncDispose]();
      await this.#start(run);
    }
    return await RelayComputer.over(this.#begun!.cluster);
  }

  /** Ends the workers and closes their logs. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#begun === undefined) return;
    const { logs, cluster, processes } = this.#begun;
    this.#begun = undefined;
    const mended = describeFaults(cluster.faults);
    if (mended !== "") this.#options.log(`Mended here: ${mended}`);
    cluster.stop();
    await processes[Symbol.asyncDispose]();
    await cluster[Symbol.asyncDispose]();
    logs[Symbol.dispose]();
  }

  async #start(
    { runId, probeKey, workerId, config, configHash, cachePath, backend, fallsBack, workers, gpus }: RelayedRun,
  ): Promise<void> {
    const { workerTimeout, cacheDir, workerEntry, log } = this.#options;
    const logs = openLogFolder(cacheDir, `${runId}-${workerId}`);
    const { path: logDir } = logs;
    log(`Starting ${workers} workers; what they print is in ${logDir}`);
    const token = crypto.getRandomValues(new Uint8Array(32)).toHex();
    const cluster = await Cluster.start({
      runId: crypto.getRandomValues(new Uint8Array(8)).toHex(),
      probeKey,
      token,
      hostname: "127.0.0.1",
      port: 0,
      config,
      configHash,
      backend,
      fallsBack,
      workerTimeout: 1000 * workerTimeout,
      onLeaf: () => this.#onLeaf(),
      emit: (event) => {
        if (event.type === "worker") {
          const { what, worker: { id, pid, computeSeconds }, reason } = event;
          if (what === "preparing") return this.#onProgress(`${id}: ${reason}`);
          if (computeSeconds > 0) processes.forgive(id);
          log(`Worker  ${id} (pid ${pid}) ${what}${reason === undefined ? "" : `: ${reason}`}`);
        } else if ("text" in event && event.text !== undefined) log(event.text);
      },
      onSilent: ({ id }) => processes.kill(id),
    });
    let ready = false;
    const launcher = localLauncher(workers, gpus);
    const { localAddress, url } = cluster;
    const secretFor = (name: string) => cluster.expect(name, { isOwn: launcher.isOwn });
    const places = { entry: workerEntry, localAddress, url, cachePath, cacheDir, secretFor };
    const processes = WorkerProcesses.start({
      workers: launcher.plan({ ...places, token, certificate: undefined }),
      firstWaitMs: launcher.firstWaitMs,
      logDir,
      onNotice: log,
      onRestart: (text) => cluster.countRestart(text),
      onGivenUp(error, left) {
        // Nobody else knows the token: at first, all are waited for.
        if (!ready) cluster.fail(error);
        else if (left === 0) cluster.localsGivenUp(error, { othersCanCome: false });
        else log(error.message);
      },
    });
    this.#begun = { configHash, probeKey, logs, cluster, processes };
    await cluster.waitForMembers(workers, 1000 * this.#options.joinTimeout);
    ready = true;
  }
}
