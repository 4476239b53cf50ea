// Workers on this machine: processes with the least permissions that read the coordinator's own packed data set.
import { tilesFileIn } from "../../data/mod.ts";
import { softwareAdapterEnvironment } from "../../shared/software_adapter.ts";
import { homeOf, localWorkerFlags, workerEnvironment } from "../../shared/worker_process.ts";
import { type Launcher, workerName } from "./launcher.ts";

/**
 * `count` workers beside the coordinator.
 * @param gpus the GPU of each, as DRI_PRIME; empty where they are told none
 */
export function localLauncher(count: number, gpus: readonly string[] = []): Launcher {
  const threads = threadsEach(navigator.hardwareConcurrency, count);
  // The workers would inherit what switches the selection of GPUs off.
  if (gpus.length > 0) Deno.env.delete("NODEVICE_SELECT");
  return {
    flag: "local",
    count,
    fromOutside: false,
    isOwn: true,
    firstWaitMs: 250,
    plan({ entry, localAddress, token, secretFor, cachePath, cacheDir }) {
      const tilesFile = tilesFileIn(cacheDir);
      const reach = { address: localAddress, file: cachePath, tiles: tilesFile, home: homeOf(entry) };
      const flags = localWorkerFlags(reach);
      const args = ["run", ...flags, "-q", entry.href];
      const adapterEnvironment = softwareAdapterEnvironment(cacheDir);
      return Array.from({ length: count }, (_, i) => {
        const name = workerName(i);
        const env = { ...workerEnvironment(gpus[i]), ...adapterEnvironment, LP_NUM_THREADS: `${threads}` };
        const order = () => ({
          name,
          url: `ws://${localAddress}`,
          token,
          secret: secretFor(name),
          cachePath,
          tilesFile,
        });
        // Not detached: a worker is to die with its terminal. It ignores Ctrl-C, which reaches it there.
        const command = { program: Deno.execPath(), args, env, detached: false, killSignal: "SIGKILL" as const };
        return { name, command: () => ({ ...command, order: order() }) };
      });
    },
  };
}

/** Threads of a software adapter (LP_NUM_THREADS): the workers share the cores. */
export function threadsEach(cores: number, workers: number): number {
  return Math.max(1, Math.floor(cores / Math.max(1, workers)));
}
