// Runs with compressed weights or gradients: what stays the same bits, what does not, and what it saves.
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import type { Report } from "../../../coordinator/mod.ts";
import { HerdError } from "../../../shared/errors.ts";
import { Fault } from "../../fixtures/faults.ts";
import { Workspace } from "../../fixtures/herd.ts";
import { granted } from "../../fixtures/permissions.ts";

const ignore = !await granted("run", "read", "write", "net", "env"); // real processes
const { hashOf, realRun } = ignore
  ? {} as typeof import("../../fixtures/real_run.ts")
  : await import("../../fixtures/real_run.ts");

/** Bytes of all epochs, up and down. */
function trafficOf({ arms: [arm] }: Report): { up: number; down: number } {
  const sum = (name: "bytesUp" | "bytesDown") => arm!.epochs.reduce((total, epoch) => total + epoch[name], 0);
  return { up: sum("bytesUp"), down: sum("bytesDown") };
}

for (const compress of ["fp16", "bf16"] as const) {
  Deno.test({
    name:
      `compress: ${compress} weights give the same bits with 1, 2 and 3 workers, after a fault, and broken off in an epoch's middle`,
    ignore,
    async fn() {
      await using workspace = await Workspace.create();
      const settings = { compress, batchSize: 6, microBatch: 1 }; // five steps an epoch
      const alone = await realRun(workspace, "w1", { ...settings, workers: 1, minWorkers: 1 });
      assert(alone.complete && alone.bitIdentical);
      assertEquals([alone.compress, alone.compressGradients], [compress, false]);
      for (const workers of [2, 3]) {
        const report = await realRun(workspace, `w${workers}`, { ...settings, workers, minWorkers: workers });
        assert(report.bitIdentical);
        assertEquals(hashOf(report), hashOf(alone));
      }
      const faulty = { worker: "w2", fault: Fault.KillMidCompute, from: 8 };
      const mended = await realRun(workspace, "mended", { ...settings, faulty });
      assert(mended.bitIdentical && mended.faults.workersLost > 0);
      assertEquals(hashOf(mended), hashOf(alone));
      const control = new AbortController();
      const step = ({ epoch, step }: { epoch: number; step: number }) => {
        if (epoch === 6 && step === 3) control.abort(new HerdError("interrupted", "broken off"));
      };
      await assertRejects(
        () => realRun(workspace, "broken", { ...settings, signal: control.signal, hear: { step } }),
        HerdError,
        "broken off",
      );
      const resume = join(workspace.path, "broken");
      const resumed = await realRun(workspace, "broken", { ...settings, resume, workers: 1, minWorkers: 1 });
      assert(resumed.complete && resumed.bitIdentical);
      assertEquals(hashOf(resumed), hashOf(alone));
      await assertRejects(
        () => realRun(workspace, "broken", { ...settings, compress: "none", resume, epochs: 11 }),
        HerdError,
        `compress is "${compress}" there and "none" here`,
      );
    },
  });

  Deno.test({
    name: `compress: ${compress} gradients and weights halve the traffic, and bit-identity is off, which is said`,
    ignore,
    async fn() {
      await using workspace = await Workspace.create();
      const notices: string[] = [];
      const notice = (text: string) => void notices.push(text);
      // One worker sends one sum a step; 8 steps an epoch, 4.6 kB of weights for each, which stay exact for one of them.
      const settings = { workers: 1, minWorkers: 1, epochs: 2, batchSize: 4 };
      const plain = await realRun(workspace, "plain", settings);
      const changes = { compress, compressGradients: true, hear: { notice } };
      const both = await realRun(workspace, "both", { ...settings, ...changes });
      assertEquals([both.complete, both.bitIdentical, both.compressGradients], [true, false, true]);
      assertStringIncludes(notices.join(), "Gradients are compressed: results depend on who computes what");
      for (const way of ["up", "down"] as const) {
        const part = trafficOf(both)[way] / trafficOf(plain)[way];
        assert(part > 0.5 && part < 0.62, `${part} of the bytes ${way}`);
      }
      const [a, b] = [plain, both].map(({ arms: [arm] }) => arm!.epochs.at(-1)!.testLoss);
      assert(Math.abs(a! - b!) < 0.05, `test loss ${b} instead of ${a}`);
    },
  });
}
