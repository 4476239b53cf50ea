// Every fault in a real worker process: the weights are those of a quiet run, and counters bound what it cost. 30 s.
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { FaultCounts } from "../../../coordinator/events/mod.ts";
import type { Launcher } from "../../../coordinator/launch/mod.ts";
import { localLauncher } from "../../../coordinator/launch/local.ts";
import { HerdError } from "../../../shared/errors.ts";
import { Fault } from "../../fixtures/faults.ts";
import { Workspace } from "../../fixtures/herd.ts";
import { granted } from "../../fixtures/permissions.ts";

const ignore = !await granted("run", "read", "write", "net", "env"); // real processes
const { hashOf, realRun } = ignore
  ? {} as typeof import("../../fixtures/real_run.ts")
  : await import("../../fixtures/real_run.ts");

type Bounds = { readonly [K in keyof FaultCounts]?: readonly [number, number] };

// A step has 8 leaves over two workers. A dead process is started again, and may be too late to be counted.
const died: Bounds = { workersLost: [1, 1], workersRestarted: [0, 1], leavesReissued: [1, 8] };
const again: Bounds = { leavesReissued: [1, 8], duplicateAnswers: [0, 4], staleAnswers: [0, 4] };
const late: Bounds = { leavesDuplicated: [1, 16], duplicateAnswers: [0, 8], staleAnswers: [0, 8] };
const twice: Bounds = { duplicateAnswers: [0, 1], staleAnswers: [0, 1] };
const EXPECTED: Readonly<Record<Exclude<Fault, Fault.None>, Bounds>> = {
  [Fault.KillBeforeStep]: died,
  [Fault.KillMidCompute]: died,
  [Fault.KillMidSend]: { ...died, leavesReissued: [0, 8] },
  [Fault.Stall]: late,
  [Fault.Slow]: late,
  [Fault.HalfOpen]: late,
  [Fault.CorruptFrame]: { ...again, badAnswers: [1, 1] },
  [Fault.NaN]: { ...again, unreproducedAnswers: [1, 1] },
  [Fault.WrongBits]: {
    ...again,
    leavesReissued: [1, 32],
    workersLost: [0, 1],
    workersRestarted: [0, 1],
    unreproducedAnswers: [1, 1],
    workersExcluded: [1, 1],
  },
  [Fault.Unasked]: { ...again, badAnswers: [1, 1] },
  [Fault.NaNAndKill]: { ...died, unreproducedAnswers: [1, 1], duplicateAnswers: [0, 4] },
  [Fault.WrongBitsLate]: { ...late, unreproducedAnswers: [0, 1] }, // the run may be over before
  [Fault.WrongWeights]: { ...again, badAnswers: [1, 1] },
  [Fault.Duplicate]: twice,
  [Fault.Stale]: { staleAnswers: [1, 1] },
};

for (const [fault, bounds] of Object.entries(EXPECTED) as [Fault, Bounds][]) {
  Deno.test({
    name: `faults in a process: ${fault}: the weights are those of a quiet run`,
    ignore,
    async fn() {
      await using workspace = await Workspace.create();
      // A worker that is started again must not do the same in the same run.
      const to = fault === Fault.WrongBits ? 4 : 8; // this one is started again at once
      const faulty = { worker: "w2", fault, from: 4, to, slow: 3_000, others: 50 };
      // The others are slow, so that a worker's second version comes while the step goes on.
      const report = await realRun(workspace, "faulty", {
        faulty,
        // Of two that differ a third one tells who is right.
        ...(fault === Fault.WrongBits ? { workers: 3, minWorkers: 3, verify: 1 } : {}),
      });
      assertEquals(hashOf(report), hashOf(await realRun(workspace, "quiet", { workers: 1, minWorkers: 1 })));
      // Whoever was found to be wrong once puts in doubt what it said before, though all of that was compared here.
      assertEquals(report.taints.map(({ worker }) => worker), fault === Fault.WrongBits ? ["w2"] : []);
      if (fault !== Fault.WrongBitsLate && fault !== Fault.WrongBits) assert(report.bitIdentical);
      for (const [name, count] of Object.entries(report.faults)) {
        const [least, most] = bounds[name as keyof FaultCounts] ?? [0, 0];
        assert(least <= count && count <= most, `${name} is ${count}: ${JSON.stringify(report.faults)}`);
      }
    },
  });
}

Deno.test({
  name: "faults in a process: one that ends again and again is given up, and the run says why",
  ignore,
  async fn() {
    await using workspace = await Workspace.create();
    const told: string[] = [];
    const entry = join(workspace.path, "hopeless.ts");
    await Deno.writeTextFile(entry, "console.log('no luck'); Deno.exit(3)");
    const run = realRun(workspace, "hopeless", {
      workers: 1,
      minWorkers: 1,
      workerEntry: pathToFileURL(entry),
      hear: { notice: (text) => told.push(text) },
    });
    const error = await assertRejects(() => run, HerdError, "w1 is not started again: its process has ended 6 times");
    assertEquals(error.code, "cluster");
    assertStringIncludes(error.message, "ended with exit code 3");
    assertStringIncludes(error.message, "no luck");
    assertEquals(told.filter((text) => text.includes("is started again in")).length, 5);
  },
});

Deno.test({
  name: "faults in a process: a run does not wait for a worker that cannot be started, if no other can come",
  ignore,
  async fn() {
    await using workspace = await Workspace.create();
    const local = localLauncher(2);
    const launcher: Launcher = {
      ...local,
      firstWaitMs: 1,
      plan(run) {
        const [first, second] = local.plan(run);
        const program = { program: "false", args: [], env: {}, detached: false, killSignal: "SIGKILL" } as const;
        return [first!, { name: "w2", command: () => ({ ...second!.command(), ...program }) }];
      },
    };
    const run = realRun(workspace, "one-short", { launcher });
    await assertRejects(() => run, HerdError, "w2 is not started again: its process has ended 6 times");
    const told: string[] = [];
    const hear = { notice: (text: string) => told.push(text) };
    const report = await realRun(workspace, "enough", { launcher, minWorkers: 1, hear });
    assertEquals(hashOf(report), hashOf(await realRun(workspace, "quiet", { workers: 1, minWorkers: 1 })));
    assert(told.some((text) => text.includes("w2 is not started again")), told.join("\n"));
  },
});
