import { assert, assertEquals } from "@std/assert";
import { join } from "node:path";
import { eventsOf, Workspace } from "../../fixtures/herd.ts";
import { readEventFiles } from "../../fixtures/event_files.ts";
import { granted } from "../../fixtures/permissions.ts";
import { faultsOf } from "../../fixtures/traces.ts";

const ignore = !await granted("run", "read", "write", "net", "env"); // real processes

Deno.test({
  name:
    "--trace and --tensorboard: a run that is interrupted leaves a sound trace, and has every step once when it is resumed",
  ignore,
  async fn() {
    await using workspace = await Workspace.create();
    const settings = [
      "--backend",
      "simd",
      "--workers",
      "2",
      "--epochs",
      "3",
      "--batch-size",
      "2",
      "--micro-batch",
      "1",
    ];
    const child = workspace.spawn(workspace.train("seen", ...settings, "--tensorboard", "--trace", "--json"));
    for await (const { type } of eventsOf(child)) {
      if (type === "epoch") {
        child.kill("SIGINT");
        break;
      }
    }
    const { code } = await child.status;
    const stderr = await new Response(child.stderr).text();
    assertEquals(code, 130, stderr);
    const folder = join(workspace.path, "seen");
    const traceIn = async (name: string) => JSON.parse(await Deno.readTextFile(join(folder, name)));
    const trace = await traceIn("trace.json");
    assertEquals(faultsOf(trace), []);
    const seen = new Set(
      trace.filter(({ ph }: { ph: string }) => ph !== "M").map(({ name }: { name: string }) => name),
    );
    const coordinator = ["step", "test", "order", "wait", "sum", "update", "broadcast"];
    const workers = ["gradients", "predictions", "read", "augment", "forward", "backward", "send"];
    const arrows = ["weights to gradients", "weights to predictions"];
    assertEquals(seen, new Set([...coordinator, ...workers, ...arrows]));

    const told = ["--data", join(workspace.path, "images"), "--workers", "1", "--trace"];
    const outcome = await workspace.run(["train", "--resume", folder, ...told]);
    assertEquals(outcome.code, 0, outcome.stderr);
    assertEquals(faultsOf(await traceIn("trace-2.json")), []);
    for (const training of ["no-gc-0", "gc-0"]) {
      const events = await readEventFiles(join(folder, "events", training));
      const steps: number[] = [];
      for (const { step, restarts, scalars } of events) {
        if (restarts) { while (steps.length > 0 && steps.at(-1)! >= step) steps.pop(); }
        else if ("step/loss" in scalars) steps.push(step);
      }
      assertEquals(steps, Array.from({ length: 3 * 10 }, (_, i) => i + 1), training);
    }
    assert((await workspace.report("seen")).complete);
  },
});
