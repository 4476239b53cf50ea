// Faults with real worker processes: each run ends with the weights of a quiet one. Every other fault is in tests/slow.
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import { NO_FAULTS } from "../../../coordinator/events/mod.ts";
import type { Report } from "../../../coordinator/mod.ts";
import { Fault } from "../../fixtures/faults.ts";
import { outcomeOf, Workspace } from "../../fixtures/herd.ts";
import { granted } from "../../fixtures/permissions.ts";
import type { FaultySettings } from "../../fixtures/real_run.ts";

const ignore = !await granted("run", "read", "write", "net", "env"); // real processes
const { hashOf, realRun } = ignore
  ? {} as typeof import("../../fixtures/real_run.ts")
  : await import("../../fixtures/real_run.ts");

/** Slows every step down until SIGWINCH, so that a process has the time to start before the run is over. */
const SLOW: FaultySettings = { worker: "all", fault: Fault.Slow, always: true, slow: 1_000 };

function hurry(pids: Iterable<number>): void {
  for (const pid of pids) Deno.kill(pid, "SIGWINCH");
}

let quiet: Promise<Report> | undefined;
/** A run without faults; made once. */
function quietRun(workspace: Workspace): Promise<Report> {
  return quiet ??= realRun(workspace, "quiet");
}

Deno.test({
  name: "faults: a killed worker's leaves go to the other one, and it is started again",
  ignore,
  async fn() {
    await using workspace = await Workspace.create();
    const told: string[] = [];
    const pids = new Map<string, number>();
    let killed: number | undefined;
    let pid = 0;
    const report = await realRun(workspace, "killed", {
      faulty: SLOW,
      hear: {
        notice: (text) => told.push(text),
        member(what, member, reason) {
          if (member.id === "w2") pid = member.pid;
          pids.set(member.id, member.pid);
          if (what !== "joined") told.push(`${member.id} ${what} ${reason ?? ""}`);
          if (what === "ready" && killed !== undefined) hurry(pids.values());
        },
        step({ epoch }) {
          if (epoch === 1 && killed === undefined) Deno.kill(killed = pid, "SIGKILL");
        },
      },
    });
    assertEquals(hashOf(report), hashOf(await quietRun(workspace)));
    assert(report.bitIdentical);
    assertEquals([report.faults.workersLost, report.faults.workersRestarted], [1, 1]);
    assert(report.faults.leavesReissued <= 8, `${report.faults.leavesReissued}`);
    assertEquals(told.filter((text) => text.startsWith("w2 ready")).length, 2, told.join("\n"));
    assertEquals(told.filter((text) => text.startsWith("w2 lost")).length, 1, told.join("\n"));
    const restart = told.find((text) => text.includes("is started again in 0.25 s"))!;
    assertStringIncludes(restart, `(${killed}) was killed (SIGKILL)`);
    assertStringIncludes(restart, "ready with simd"); // the end of its log
    assert(pid !== killed);
  },
});

Deno.test({
  name: "faults: a stopped process holds nobody up for long",
  ignore,
  async fn() {
    await using workspace = await Workspace.create();
    let stopped = false;
    let pid = 0;
    const { faults, ...report } = await realRun(workspace, "stalled", {
      hear: {
        member: (_what, member) => member.id === "w2" && (pid = member.pid),
        step({ epoch }) {
          if (epoch === 2 && !stopped) Deno.kill(pid, "SIGSTOP");
          stopped ||= epoch === 2;
        },
      },
    });
    assertEquals(hashOf({ faults, ...report }), hashOf(await quietRun(workspace)));
    assert(faults.leavesDuplicated >= 1 && faults.leavesDuplicated <= 40, `${faults.leavesDuplicated}`);
    assertEquals({ ...faults, leavesDuplicated: 0 }, NO_FAULTS);
  },
});

Deno.test({
  name: "faults: a gradient that is not finite is computed by another worker too, and not believed",
  ignore,
  async fn() {
    await using workspace = await Workspace.create();
    const told: string[] = [];
    const report = await realRun(workspace, "nan", {
      faulty: { worker: "w2", fault: Fault.NaN, from: 4 },
      hear: { notice: (text) => told.push(text) },
    });
    assertEquals(hashOf(report), hashOf(await quietRun(workspace)));
    assertEquals(report.faults.unreproducedAnswers, 1);
    assert(report.faults.leavesReissued <= 8, `${report.faults.leavesReissued}`);
    assert(told.some((text) => text.includes("w2") && text.includes("not finite")), told.join("\n"));
  },
});

Deno.test({
  name: "faults: a worker from outside that joins in the middle of an epoch changes nothing",
  ignore,
  async fn() {
    await using workspace = await Workspace.create();
    const token = "0123456789abcdef0123456789abcdef";
    const tokenFile = join(workspace.path, "token");
    await Deno.writeTextFile(tokenFile, token, { mode: 0o600 });
    let joiner: ReturnType<typeof outcomeOf> | undefined;
    const pids: number[] = [];
    let together = 0;
    const { faults, workers, ...report } = await realRun(workspace, "joined", {
      faulty: SLOW,
      token,
      hear: {
        member: (what, { pid }) => what === "ready" && pids.push(pid),
        step() {
          if (pids.length === 3 && ++together === 2) hurry(pids.slice(0, 2));
          if (joiner !== undefined) return;
          const { address } = JSON.parse(Deno.readTextFileSync(join(workspace.path, "joined", "config.json")));
          const connect = ["--connect", `ws://${address}`, "--token-file", tokenFile];
          joiner = outcomeOf(workspace.spawn(["worker", ...connect]));
        },
      },
    });
    const { code, stdout } = await joiner!;
    assertEquals(code, 0, stdout);
    assertEquals(workers.map(({ id }) => id), ["r1", "w1", "w2"]);
    assertEquals(hashOf({ faults, workers, ...report }), hashOf(await quietRun(workspace)));
    assertEquals([faults.workersLost, faults.leavesReissued], [0, 0]);
  },
});

Deno.test({
  name: "faults: all workers gone, the run pauses, and goes on when they are back",
  ignore,
  async fn() {
    await using workspace = await Workspace.create();
    const told: string[] = [];
    const pids: number[] = [];
    let killed = false;
    const report = await realRun(workspace, "gone", {
      hear: {
        notice: (text) => told.push(text),
        member: (what, { pid }) => what === "ready" && pids.push(pid),
        step({ epoch }) {
          if (epoch === 2 && !killed) pids.forEach((pid) => Deno.kill(pid, "SIGKILL"));
          killed ||= epoch === 2;
        },
      },
    });
    assertEquals(hashOf(report), hashOf(await quietRun(workspace)));
    assertEquals(report.faults.pauses, 1);
    // The first to come back may finish the run before the second is there.
    assertEquals([report.faults.workersLost, report.faults.workersRestarted], [2, 2]);
    assert(report.faults.leavesReissued <= 16, `${report.faults.leavesReissued}`);
    assert(told.includes("No worker is left: the run waits up to 20 s for one"), told.join("\n"));
    assert(told.includes("The run goes on"), told.join("\n"));
  },
});
