// Runs with compressed weights or gradients: what stays the same bits, what does not, and what it saves.
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import type { Report } from "../../coordinator/mod.ts";
import { HerdError } from "../../shared/errors.ts";
import { Workspace } from "../fixtures/herd.ts";
import { granted } from "../fixtures/permissions.ts";

const ignore = !await granted("run", "read", "write", "net", "env"); // real processes
const { hashOf, realRun } = ignore
  ? {} as typeof import("../fixtures/real_run.ts")
  : await import("../fixtures/real_run.ts");

/** Bytes of all epochs, up and down. */
function trafficOf({ arms: [arm] }: Report): { up: number; down: number } {
  const sum = (name: "bytesUp" | "bytesDown") => arm!.epochs.reduce((total, epoch) => total + epoch[name], 0);
  return { up: sum("bytesUp"), down: sum("bytesDown") };
}

for (const compress of ["fp16", "bf16"] as const) {
  Deno.test({
    name:
      `compress: ${compress} weights give the same bits with 1, 2 and 3 workers, and broken off in an epoch's middle`,
    ignore,
    async fn() {
      await using workspace = await Workspace.create();
      const alone = await realRun(workspace, "w1", { compress, workers: 1, minWorkers: 1 });
      assert(alone.complete && alone.bitIdentical);
      assertEquals([alone.compress, alone.compressGradients], [compress, false]);
      for (const workers of [2, 3]) {
        const report = await realRun(workspace, `w${workers}`, { compress, workers, minWorkers: workers });
        assert(report.bitIdentical);
        assertEquals(hashOf(report), hashOf(alone));
      }
      const step = ({ epoch, step }: { epoch: number; step: number }) => {
        if (epoch === 6 && step === 1) throw new HerdError("interrupted", "broken off");
      };
      await assertRejects(
        () => realRun(workspace, "broken", { compress, reporter: { step } }),
        HerdError,
        "broken off",
      );
      const resume = join(workspace.path, "broken");
      const resumed = await realRun(workspace, "broken", { compress, resume, workers: 1, minWorkers: 1 });
      assert(resumed.complete && resumed.bitIdentical);
      assertEquals(hashOf(resumed), hashOf(alone));
      const exact = await realRun(workspace, "none");
      assert(hashOf(exact) !== hashOf(alone));
      const [plain, saved] = [trafficOf(exact), trafficOf(await realRun(workspace, "again", { compress }))];
      console.log(plain, saved, exact.model, exact.arms[0]!.epochs.at(-1), alone.arms[0]!.epochs.at(-1));
    },
  });

  Deno.test({
    name: `compress: ${compress} gradients halve the way up, and turn bit-identity off, which is said`,
    ignore,
    async fn() {
      await using workspace = await Workspace.create();
      const notices: string[] = [];
      const notice = (text: string) => void notices.push(text);
      const exact = await realRun(workspace, "none");
      const both = await realRun(workspace, "both", { compress, compressGradients: true, reporter: { notice } });
      assertEquals([both.complete, both.bitIdentical, both.compressGradients], [true, false, true]);
      assertStringIncludes(notices.join(), "Gradients are compressed: results depend on who computes what");
      console.log(trafficOf(exact), trafficOf(both), both.faults, both.arms[0]!.epochs.at(-1));
    },
  });
}
