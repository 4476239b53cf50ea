// The worker processes of a run, kept running as long as it lasts.
import type { Cluster } from "../cluster/mod.ts";
import type { EventBus } from "../events/mod.ts";
import { WorkerProcesses } from "../launch/mod.ts";
import type { RunOptions } from "./run_options.ts";

/** Starts the processes that the launcher plans; they end when disposed. */
export function startWorkers(
  { launcher, workerEntry, tls, data: { cacheDir }, token: given, minWorkers }: Pick<
    RunOptions,
    "launcher" | "workerEntry" | "tls" | "data" | "token" | "minWorkers"
  >,
  { cluster, token, cachePath, logDir, bus, hasBegun }: {
    readonly cluster: Cluster;
    readonly token: string;
    /** The packed data set. */
    readonly cachePath: string;
    readonly logDir: string;
    readonly bus: EventBus;
    /** Whether the first step has been given out. */
    hasBegun(): boolean;
  },
): WorkerProcesses {
  const { localAddress, url } = cluster;
  const secretFor = (name: string) => cluster.expect(name, { isOwn: launcher.isOwn });
  const places = { entry: workerEntry, localAddress, url, cachePath, cacheDir, secretFor };
  const processes = WorkerProcesses.start({
    workers: launcher.plan({ ...places, token, certificate: tls?.cert }),
    firstWaitMs: launcher.firstWaitMs,
    logDir,
    onNotice: (text) => bus.emit({ type: "notice", text }),
    onRestart: (text) => cluster.countRestart(text),
    onGivenUp(error, left) {
      // It is of no use to wait for more than are left, when nobody else knows the token.
      const tooFew = !hasBegun() && given === undefined && left < minWorkers;
      if (tooFew) cluster.fail(error);
      else if (left === 0) cluster.localsGivenUp(error, { othersCanCome: given !== undefined });
      else bus.emit({ type: "notice", text: error.message });
    },
  });
  bus.subscribe("The keeping of workers", (event) => {
    if (event.type === "worker" && event.worker.computeSeconds > 0) processes.forgive(event.worker.id);
  });
  return processes;
}
