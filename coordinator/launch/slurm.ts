// Workers in a Slurm allocation: one for each of its tasks, each a job step of its own, so that one can be lost, killed and
// started again without the others. Slurm gives each step the CPUs and GPUs of one task.
import { addressOf } from "../../shared/addresses.ts";
import { HerdError, messageOf } from "../../shared/errors.ts";
import { homeOf, remoteWorkerFlags, WORKER_ENVIRONMENT } from "../../shared/worker_process.ts";
import { type LaunchedRun, type Launcher, type WorkerCommand, workerName } from "./launcher.ts";

/** The worker itself may not fetch what it consists of, and its node may not have it yet. */
const FETCH_AND_RUN = '"$0" cache -q "$1" </dev/null; shift; exec "$0" run "$@"';

/** The part of an allocation that matters here. */
export interface SlurmAllocation {
  /** The node of each task. */
  readonly tasks: readonly string[];
  /** As sbatch was told, if it was. */
  readonly cpusPerTask: string | undefined;
}

/**
 * The allocation that this process is in.
 * @throws {HerdError} usage, if there is none
 */
export async function currentAllocation(env: Readonly<Record<string, string>>): Promise<SlurmAllocation> {
  const { SLURM_JOB_NODELIST: nodeList, SLURM_TASKS_PER_NODE: tasksPerNode, SLURM_CPUS_PER_TASK: cpusPerTask } = env;
  if (nodeList === undefined || tasksPerNode === undefined) {
    throw new HerdError(
      "usage",
      "--launcher slurm works in a Slurm allocation, and SLURM_JOB_NODELIST is not set: " +
        "submit coordinator/launch/slurm.sh by sbatch",
    );
  }
  return { tasks: tasksByNode(await hostNames(nodeList), tasksPerNode), cpusPerTask };
}

/** The node of each task. @param tasksPerNode as Slurm writes it: "2(x3),1" */
export function tasksByNode(nodes: readonly string[], tasksPerNode: string): string[] {
  const counts = tasksPerNode.split(",").flatMap((part) => {
    const [, tasks, times = "1"] = /^(\d+)(?:\(x(\d+)\))?$/.exec(part) ?? [];
    return tasks === undefined ? [] : Array.from({ length: Number(times) }, () => Number(tasks));
  });
  if (counts.length !== nodes.length) {
    const got = `SLURM_TASKS_PER_NODE is "${tasksPerNode}" for ${nodes.length} nodes`;
    throw new HerdError("usage", `Cannot tell the allocation's tasks: ${got}; submit with --ntasks-per-node`);
  }
  return nodes.flatMap((node, i) => Array.from({ length: counts[i]! }, () => node));
}

/** Workers in this allocation. */
export function slurmLauncher(allocation: SlurmAllocation): Launcher {
  return {
    flag: "slurm",
    count: allocation.tasks.length,
    fromOutside: true,
    isOwn: false,
    firstWaitMs: 2_000,
    plan: (run) =>
      allocation.tasks.map((node, i) => {
        const name = workerName(i);
        return { name, command: () => stepCommand(run, { allocation, node, name, hostname: Deno.hostname() }) };
      }),
  };
}

/** The command that starts a worker on a node. @param hostname what other nodes call this one */
export function stepCommand(
  run: LaunchedRun,
  { allocation: { cpusPerTask }, node, name, hostname }: {
    readonly allocation: SlurmAllocation;
    readonly node: string;
    readonly name: string;
    readonly hostname: string;
  },
): WorkerCommand {
  const { entry, token, secretFor, certificate, cacheDir } = run;
  const url = run.url.replace(/\/\/(0\.0\.0\.0|\[::\])(?=:\d+$)/, `//${hostname}`);
  const address = addressOf(url);
  const step = [
    ...["--nodes=1", "--ntasks=1", "--ntasks-per-node=1", `--nodelist=${node}`, `--job-name=${name}`],
    // Only what one task gets; no memory is set aside, or the first step of a node would take that of all.
    ...["--exact", "--mem=0", "--mpi=none", "--unbuffered"],
    ...(cpusPerTask === undefined ? [] : [`--cpus-per-task=${cpusPerTask}`]),
  ];
  const permissions = remoteWorkerFlags({ address, cacheDir, home: homeOf(entry) });
  return {
    program: "srun",
    args: [
      ...step,
      "--",
      "sh",
      "-c",
      FETCH_AND_RUN,
      Deno.execPath(),
      entry.href,
      ...permissions,
      "-q",
      entry.href,
      cacheDir,
    ],
    env: WORKER_ENVIRONMENT,
    detached: true,
    // A step outlives an srun that is killed; this one has Slurm end it, by SIGKILL if need be.
    killSignal: "SIGTERM",
    order: {
      name,
      url,
      token,
      secret: secretFor(name),
      ...(certificate === undefined ? {} : { authority: certificate }),
    },
  };
}

/** The names in a list such as "n[1-4,7]": Slurm itself takes it apart. */
async function hostNames(nodeList: string): Promise<string[]> {
  try {
    const scontrol = new Deno.Command("scontrol", { args: ["show", "hostnames", nodeList], stdin: "null" });
    const { success, stdout, stderr } = await scontrol.output();
    if (!success) throw new Error(new TextDecoder().decode(stderr).trim());
    return new TextDecoder().decode(stdout).trim().split("\n");
  } catch (cause) {
    throw new HerdError("cluster", `scontrol cannot list the nodes ${nodeList} (${messageOf(cause)})`, { cause });
  }
}
