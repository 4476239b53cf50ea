// Relays as processes: the weights are those of a run without, also when one dies or a process behind it. 12 seconds;
// more is in tests/slow/relay/relay_test.ts.
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import { NO_FAULTS } from "../../../coordinator/events/mod.ts";
import { Fault } from "../../fixtures/faults.ts";
import { waitForEnd, Workspace } from "../../fixtures/herd.ts";
import { granted } from "../../fixtures/permissions.ts";
import { RelayProcess } from "../../fixtures/relay_process.ts";

const ignore = !await granted("run", "read", "write", "net", "env"); // real processes
const { hashOf, realRun } = ignore
  ? {} as typeof import("../../fixtures/real_run.ts")
  : await import("../../fixtures/real_run.ts");

const TOKEN = "0123456789abcdef0123456789abcdef";

/** Enough that what happens in the second one comes long before the end. */
const EPOCHS = 40;

let plain: Promise<string> | undefined;
/** Of a run without relays; made once. */
function plainHash(workspace: Workspace): Promise<string> {
  return plain ??= realRun(workspace, "plain", { workers: 1, minWorkers: 1, epochs: EPOCHS }).then(hashOf);
}

/** A run with one plain worker, which slows every step that it has a part in down until SIGWINCH, and relays of two. */
async function runWithRelay(
  workspace: Workspace,
  out: string,
  /** Happens once, in the second epoch; the run is slow until it is over. */
  happen: (relays: RelayProcess[], start: () => RelayProcess) => Promise<void>,
) {
  const tokenFile = join(workspace.path, "token");
  await Deno.writeTextFile(tokenFile, TOKEN, { mode: 0o600 });
  const relays: RelayProcess[] = [];
  let url = "";
  let pid = 0;
  let happening: Promise<void> | undefined;
  const start = () => {
    const relay = new RelayProcess(workspace, url, { tokenFile, workers: 2 });
    relays.push(relay);
    return relay;
  };
  const report = await realRun(workspace, out, {
    workers: 1,
    epochs: EPOCHS,
    token: TOKEN,
    faulty: { worker: "w1", fault: Fault.Slow, always: true, slow: 500 },
    hear: {
      notice(text) {
        const [found] = /ws:\/\/\S+/.exec(text) ?? [];
        if (found === undefined || url !== "") return;
        url = found;
        start();
      },
      member: (what, member) => what === "ready" && member.id === "w1" && (pid = member.pid),
      step({ epoch }) {
        if (epoch === 2) happening ??= happen(relays, start).finally(() => Deno.kill(pid, "SIGWINCH"));
      },
    },
  });
  await happening;
  return { report, relays };
}

Deno.test({
  name: "relay: two workers behind one, one of them killed: same weights, mended there, and all end with the run",
  ignore,
  async fn() {
    await using workspace = await Workspace.create();
    const { report, relays: [relay] } = await runWithRelay(workspace, "relayed", async ([relay]) => {
      Deno.kill(relay!.pids[1]![1], "SIGKILL");
      await relay!.until(() => relay!.output.includes("is started again in 0.25 s"));
    });
    assertEquals(hashOf(report), await plainHash(workspace));
    assert(report.bitIdentical);
    assertEquals(report.faults, NO_FAULTS);
    assertEquals(report.workers.map(({ id }) => id), ["r1", "w1"]);
    assertStringIncludes(report.workers[0]!.adapter, "relay of 2: ");
    const { code, stderr } = await relay!.end();
    assertEquals(code, 0, stderr);
    assertStringIncludes(relay!.output, "fetching 1 of 1 chunks");
    assertStringIncludes(relay!.output, "Mended here: workers lost 1");
    await waitForEnd(relay!.pids.map(([, pid]) => pid));
  },
});

Deno.test({
  name: "relay: one that is killed takes its workers with it, and another one comes: same weights",
  ignore,
  async fn() {
    await using workspace = await Workspace.create();
    const { report, relays: [, second] } = await runWithRelay(workspace, "killed", async ([first], start) => {
      first!.child.kill("SIGKILL");
      await waitForEnd(first!.pids.map(([, pid]) => pid));
      await first!.end();
      const second = start();
      await second.until(() => second.pids.length === 2);
    });
    assertEquals(hashOf(report), await plainHash(workspace));
    assert(report.bitIdentical);
    const { workersLost, leavesReissued, ...others } = report.faults;
    assertEquals(workersLost, 1);
    assert(leavesReissued <= 8, `${leavesReissued}`);
    assertEquals({ ...NO_FAULTS, ...others }, NO_FAULTS);
    const { code, stderr } = await second!.end();
    assertEquals(code, 0, stderr);
    assert(!second!.output.includes("fetching"), "the images are there already");
  },
});
