// Workers by ssh, against a private server on this machine. 15 s.
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import { eventsOf, textOf, waitForEnd, Workspace } from "../../fixtures/herd.ts";
import { granted } from "../../fixtures/permissions.ts";
import { PrivateSshd, sshdMissing } from "../../fixtures/sshd.ts";

const missing = await granted("run", "read", "write", "net", "env", "sys") ? await sshdMissing() : "no permissions";
const ignore = missing !== undefined;
const why = ignore ? ` (skipped: ${missing})` : "";

/** A server whose sessions have their own cache: as another machine has. */
async function serverFor(workspace: Workspace): Promise<PrivateSshd> {
  const denoDir = Deno.env.get("DENO_DIR");
  return await PrivateSshd.start({
    HERD_CACHE_DIR: join(workspace.path, "cache-there"),
    ...(denoDir === undefined ? {} : { DENO_DIR: denoDir }),
  });
}

async function writeHosts(workspace: Workspace): Promise<string> {
  const hosts = join(workspace.path, "hosts");
  await Deno.writeTextFile(hosts, `one deno=${Deno.execPath()}\ntwo workers=2 deno=${Deno.execPath()}  # both here\n`);
  return `ssh:${hosts}`;
}

Deno.test({
  name: `ssh: workers on two hosts, one killed: the weights are those of a local run${why}`,
  ignore,
  async fn() {
    await using workspace = await Workspace.create();
    await using server = await serverFor(workspace);
    const fixed = ["--backend", "simd", "--epochs", "60", "--arms", "gc"];
    const args = workspace.train("ssh", ...fixed, "--launcher", await writeHosts(workspace), "--json");
    const child = workspace.spawn(args, server);
    const pids = new Map<string, number>();
    let restarted = false;
    for await (const event of eventsOf(child)) {
      if (event.type === "worker" && event.what === "ready") pids.set(event.worker.id, event.worker.pid);
      if (event.type === "epoch" && event.record.epoch === 1) Deno.kill(pids.get("w2")!, "SIGKILL");
      if (textOf(event).includes("w2 is started again")) restarted = true;
    }
    assertEquals((await child.status).code, 0, await new Response(child.stderr).text());
    const report = await workspace.report("ssh");
    assert(report.bitIdentical && restarted);
    assertEquals(report.verification.share, 0.01, "workers on other machines are looked at");
    assertEquals(report.faults.workersLost, 1);
    assertEquals(
      report.workers.map(({ id, host }) => [id, host]),
      ["w1", "w2", "w3"].map((id) => [id, Deno.hostname()]),
    );
    const log = await Deno.readTextFile(join(workspace.path, "ssh", "logs", "w3.log"));
    assertStringIncludes(log, "w3: ready with simd");
    const [fetched] = await Array.fromAsync(Deno.readDir(join(workspace.path, "cache-there", "fetched")));
    assertStringIncludes(fetched!.name, ".herd");
    await waitForEnd([...pids.values()]);
    await workspace.run(workspace.train("local", ...fixed, "--workers", "1"));
    assertEquals((await workspace.report("local")).arms[0]!.weightsSha256, report.arms[0]!.weightsSha256);
  },
});

for (const signal of ["SIGINT", "SIGKILL"] as const) {
  Deno.test({
    name: `ssh: when the coordinator ends by ${signal}, so do the workers there${why}`,
    ignore,
    async fn() {
      await using workspace = await Workspace.create();
      await using server = await serverFor(workspace);
      const args = workspace.train("out", "--backend", "simd", "--epochs", "5000", "--json");
      const child = workspace.spawn([...args, "--launcher", await writeHosts(workspace)], server);
      const pids: number[] = [];
      for await (const event of eventsOf(child)) {
        if (event.type === "worker" && event.what === "ready") pids.push(event.worker.pid);
        if (event.type !== "epoch") continue;
        child.kill(signal);
        break;
      }
      await child.stderr.cancel();
      assertEquals((await child.status).code, signal === "SIGINT" ? 130 : 137);
      assertEquals(pids.length, 3);
      await waitForEnd(pids);
    },
  });
}
