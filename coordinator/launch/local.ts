// Workers on this machine: processes with the least permissions that read the coordinator's own packed data set.
import { tilesFileIn } from "../../data/mod.ts";
import { localWorkerFlags, WORKER_ENVIRONMENT } from "../../shared/worker_process.ts";
import { type Launcher, workerName } from "./launcher.ts";

/** `count` workers beside the coordinator. */
export function localLauncher(count: number): Launcher {
  // Software adapters share the cores.
  const threads = Math.max(1, Math.floor(navigator.hardwareConcurrency / Math.max(1, count)));
  const env = { ...WORKER_ENVIRONMENT, LP_NUM_THREADS: `${threads}` };
  return {
    flag: "local",
    count,
    fromOutside: false,
    isOwn: true,
    firstWaitMs: 250,
    plan({ entry, localAddress, token, secretFor, cachePath, cacheDir }) {
      const tilesFile = tilesFileIn(cacheDir);
      const flags = localWorkerFlags({ address: localAddress, file: cachePath, tiles: tilesFile });
      const args = ["run", ...flags, "-q", entry.href];
      return Array.from({ length: count }, (_, i) => {
        const name = workerName(i);
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
