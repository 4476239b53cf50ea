// A relay and the end of its coordinator: killed, it is waited for, with the same workers; interrupted, it ends the relay too.
// Some 15 seconds.
import { assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import { within } from "../../../shared/within.ts";
import type { Report } from "../../../coordinator/mod.ts";
import { eventsOf, freeAddress, waitForEnd, Workspace } from "../../fixtures/herd.ts";
import { granted } from "../../fixtures/permissions.ts";
import { RelayProcess } from "../../fixtures/relay_process.ts";

const ignore = !await granted("run", "read", "write", "net", "env"); // real processes

const hashesOf = ({ arms }: Report) => arms.map(({ weightsSha256 }) => weightsSha256);

/** Trains with a relay of two alone and ends the coordinator by a signal in the third epoch. */
async function breakOff(
  workspace: Workspace,
  settings: readonly string[],
  signal: Deno.Signal,
): Promise<{ code: number; relay: RelayProcess; doors: string[] }> {
  const tokenFile = join(workspace.path, "token");
  await Deno.writeTextFile(tokenFile, "0123456789abcdef0123456789abcdef\n", { mode: 0o600 });
  const address = freeAddress();
  const doors = ["--listen", address, "--token-file", tokenFile];
  const remote = ["--workers", "0", "--min-workers", "1", ...doors, "--json"];
  const coordinator = workspace.spawn(workspace.train("relayed", ...settings, ...remote));
  let relay: RelayProcess | undefined;
  for await (const event of eventsOf(coordinator)) {
    if (event.type === "run") {
      relay = new RelayProcess(workspace, `ws://${address}`, { tokenFile, workers: 2 });
    }
    if (event.type !== "epoch" || event.record.epoch !== 3) continue;
    coordinator.kill(signal);
    break;
  }
  await new Response(coordinator.stderr).text();
  return { code: (await coordinator.status).code, relay: relay!, doors };
}

Deno.test({
  name: "relay: it outlasts its killed coordinator and joins the resumed run, with the same workers: same weights",
  ignore,
  async fn() {
    await using workspace = await Workspace.create();
    const settings = ["--backend", "simd", "--epochs", "40"];
    const { code, relay, doors } = await breakOff(workspace, settings, "SIGKILL");
    assertEquals(code, 137);
    const told = ["--data", join(workspace.path, "images"), ...doors];
    const resumed = await workspace.run(["train", "--resume", join(workspace.path, "relayed"), ...told]);
    assertEquals(resumed.code, 0, resumed.stderr);
    const end = await relay.end();
    assertEquals(end.code, 0, end.stderr);
    assertStringIncludes(relay.output, "connecting again");
    assertEquals(relay.pids.length, 2, "nobody was started anew");
    await waitForEnd(relay.pids.map(([, pid]) => pid));
    const plain = await workspace.run(workspace.train("plain", ...settings, "--workers", "1"));
    assertEquals(plain.code, 0, plain.stderr);
    assertEquals(hashesOf(await workspace.report("relayed")), hashesOf(await workspace.report("plain")));
  },
});

Deno.test({
  name: "relay: an interrupted run ends it and its workers within two seconds",
  ignore,
  async fn() {
    await using workspace = await Workspace.create();
    const { code, relay } = await breakOff(workspace, ["--backend", "tfjs-cpu", "--epochs", "500"], "SIGINT");
    assertEquals(code, 130);
    const gone = Promise.all([relay.end(), waitForEnd(relay.pids.map(([, pid]) => pid))]);
    const [end] = await within(2_000, gone, () => new Error("some are still there"));
    assertEquals(end.code, 4, end.stderr); // the run may go on: what started the relay starts it again
  },
});
