// Starting workers: which launcher --launcher means, and the processes that are kept running.
import { HerdError } from "../../shared/errors.ts";
import type { Launcher } from "./launcher.ts";
import { localLauncher } from "./local.ts";
import { currentAllocation, slurmLauncher } from "./slurm.ts";
import { readHosts, sshLauncher } from "./ssh.ts";

export type { LaunchedRun, Launcher, PlannedWorker, WorkerCommand } from "./launcher.ts";
export { localLauncher } from "./local.ts";
export { type SupervisorOptions, WorkerProcesses } from "./supervisor.ts";

/** The workers of this machine. */
export interface LocalWorkers {
  /** How many. */
  readonly count: number;
  /** The GPU of each, as DRI_PRIME; empty where they are told none. */
  readonly gpus: readonly string[];
}

/**
 * The launcher that a text means: local, slurm or ssh:HOSTS_FILE.
 * @param local the workers that `local` starts, and their GPUs
 * @throws {HerdError} usage
 */
export async function readLauncher(
  flag: string,
  { local, env }: { readonly local: LocalWorkers; readonly env: Readonly<Record<string, string>> },
): Promise<Launcher> {
  if (flag === "local") return localLauncher(local.count, local.gpus);
  if (flag === "slurm") return slurmLauncher(await currentAllocation(env));
  if (flag.startsWith("ssh:")) return sshLauncher(flag, await readHosts(flag.slice("ssh:".length)));
  throw new HerdError("usage", `--launcher cannot be "${flag}": use local, slurm or ssh:HOSTS_FILE`);
}
