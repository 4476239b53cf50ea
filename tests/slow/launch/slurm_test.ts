// Jobs on a private two-node Slurm cluster: coordinator/launch/slurm.sh as a user submits it. 60 s.
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { hasOpenssl, makeCertificate } from "../../fixtures/certificates.ts";
import { Workspace } from "../../fixtures/herd.ts";
import { granted } from "../../fixtures/permissions.ts";
import { SlurmCluster, slurmMissing } from "../../fixtures/slurm_cluster.ts";

const missing = await granted("run", "read", "write", "net", "env", "sys") ? await slurmMissing() : "no permissions";
const ignore = missing !== undefined;
const why = ignore ? ` (skipped: ${missing})` : "";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const SETTINGS = ["--backend", "simd", "--epochs", "400", "--arms", "gc"];

/** A cluster with a job on it, four workers on two nodes. */
class Submitted implements AsyncDisposable {
  private constructor(readonly cluster: SlurmCluster, readonly workspace: Workspace, readonly job: string) {}

  static async submit({ encrypted }: { readonly encrypted: boolean }): Promise<Submitted> {
    const workspace = await Workspace.create();
    const cluster = await SlurmCluster.start();
    const exported = { HERD_CACHE_DIR: join(workspace.path, "cache"), HERD_OUT: join(workspace.path, "job") };
    // train, and the folder that the script chooses itself, are left out.
    const [, ...flags] = workspace.train("job", ...SETTINGS);
    flags.splice(flags.indexOf("--out"), 2);
    if (encrypted) {
      const { cert, key } = await makeCertificate(workspace.path, [`DNS:${Deno.hostname()}`]);
      flags.push("--tls-cert", cert, "--tls-key", key);
    }
    const job = await cluster.run(
      "sbatch",
      "--parsable",
      `--chdir=${ROOT}`,
      "--nodes=2",
      "--ntasks-per-node=2",
      `--output=${join(workspace.path, "job.out")}`,
      `--export=ALL,DENO=${Deno.execPath()},${Object.entries(exported).map(([name, value]) => `${name}=${value}`)}`,
      join(ROOT, "coordinator", "launch", "slurm.sh"),
      ...flags,
    );
    return new Submitted(cluster, workspace, job);
  }

  get output(): Promise<string> {
    return Deno.readTextFile(join(this.workspace.path, "job.out")).catch(() => "");
  }

  /** Waits until one more epoch is finished. */
  async progress(): Promise<void> {
    const metrics = join(this.workspace.path, "job", "metrics.jsonl");
    const epochs = async () => (await Deno.readTextFile(metrics).catch(() => "")).split("\n").length;
    const before = await epochs();
    await this.cluster.until(async () => await epochs() > before, "an epoch");
  }

  /** The node of each worker, and the GPU that its step has there. */
  async gpus(): Promise<string[]> {
    const found: string[] = [];
    for await (const { name } of Deno.readDir("/proc")) {
      const of = (file: string) => Deno.readTextFile(`/proc/${name}/${file}`).catch(() => "");
      const env = /^\d+$/.test(name) ? (await of("environ")).split("\0") : [];
      const value = (key: string) => env.find((variable) => variable.startsWith(`${key}=`))?.slice(key.length + 1);
      const isWorker = value("SLURM_JOB_ID") === this.job && (await of("cmdline")).includes("worker/main.ts\0");
      // srun has no node of its own.
      if (isWorker && (await of("comm")).trim() === "deno") {
        found.push(`${value("SLURMD_NODENAME")}: ${value("SLURM_STEP_GPUS")}`);
      }
    }
    return found.sort();
  }

  /** Waits for the end of the job, and compares with a local run. */
  async assertWeights(): Promise<void> {
    const { cluster, job, workspace } = this;
    await cluster.until(async () => !/RUNNING|COMPLETING/.test(await cluster.state(job)), "the job's end");
    assertEquals(await cluster.state(job), "COMPLETED", await this.output);
    const report = await workspace.report("job");
    assert(report.complete && report.bitIdentical);
    assertEquals(report.workers.map(({ id, host }) => [id, host]), ["w1", "w2", "w3", "w4"].map(here));
    const { code, stderr } = await workspace.run(workspace.train("local", ...SETTINGS, "--workers", "1"));
    assertEquals(code, 0, stderr);
    assertEquals(report.arms[0]!.weightsSha256, (await workspace.report("local")).arms[0]!.weightsSha256);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.cluster[Symbol.asyncDispose]();
    await this.workspace[Symbol.asyncDispose]();
  }
}

const here = (id: string) => [id, Deno.hostname()];

Deno.test({
  name: `slurm: four tasks on two nodes, one killed by scancel: the weights are those of a local run${why}`,
  ignore,
  async fn() {
    const encrypted = await hasOpenssl();
    await using submitted = await Submitted.submit({ encrypted });
    const { cluster, job, workspace } = submitted;
    await submitted.progress();
    assertEquals(await submitted.gpus(), ["n1: 0", "n1: 1", "n2: 0", "n2: 1"]);
    await cluster.run("scancel", "--signal=KILL", await cluster.step(job, "w3"));
    await submitted.assertWeights();
    const { faults } = await workspace.report("job");
    assertEquals([faults.workersLost, faults.workersRestarted], [1, 1]);
    // With a certificate nodes are let in over TLS only.
    const { told } = JSON.parse(await Deno.readTextFile(join(workspace.path, "job", "config.json")));
    assertEquals(told.tlsCert !== undefined, encrypted);
    const log = await Deno.readTextFile(join(workspace.path, "job", "logs", "w3.log"));
    assertStringIncludes(log, "task 0: Killed");
  },
});

Deno.test({
  name: `slurm: a job that is requeued, and one that runs out of time, go on from their checkpoints${why}`,
  ignore,
  async fn() {
    await using submitted = await Submitted.submit({ encrypted: false });
    const { cluster, job } = submitted;
    await submitted.progress();
    await cluster.run("scontrol", "requeue", job);
    await cluster.startAgain(job, 1);
    await submitted.progress();
    // What Slurm sends a minute before the time limit.
    await cluster.run("scancel", "--signal=USR1", "--batch", job);
    await cluster.startAgain(job, 2);
    await submitted.assertWeights();
    const interrupted = (await submitted.output).match(/error: Interrupted at arm gc, epoch \d+/g) ?? [];
    assertEquals(interrupted.length, 2, await submitted.output);
  },
});
