// An experiment of many trainings as a user runs it: killed and gone on with, extended, with trainings that diverge.
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import { allKeys, runName, type TimedEvent } from "../../../coordinator/events/mod.ts";
import { parseReport } from "../../../coordinator/report/parse_report.ts";
import { decodeSafetensors } from "../../../shared/safetensors.ts";
import { eventsOf, Workspace } from "../../fixtures/herd.ts";
import { granted } from "../../fixtures/permissions.ts";

const ignore = !await granted("run", "read", "write", "net", "env"); // real processes

/** The tiny network on 30 images, four steps an epoch. */
function small(workspace: Workspace, out: string, ...more: string[]): string[] {
  const data = ["--data", join(workspace.path, "images"), "--model", "tiny", "--image-size", "24"];
  const steps = ["--batch-size", "8", "--micro-batch", "2", "--backend", "simd"];
  return ["train", ...data, ...steps, "--out", join(workspace.path, out), ...more];
}

/** Goes on with a run, whose images are always to be named again. */
function resume(workspace: Workspace, out: string, ...more: string[]): string[] {
  return ["train", "--resume", join(workspace.path, out), "--data", join(workspace.path, "images"), ...more];
}

/** What is measured, or is of one run alone: a slow worker's leaves may be given out again. */
const MEASURED = /second|bytes|^(workers|fingerprint|faults)$/i;

/** A report's data without what is measured. */
function timeless(value: unknown): unknown {
  if (Array.isArray(value)) {
    return value.filter((one) => (one as { metric?: unknown } | null)?.metric !== "seconds").map(timeless);
  }
  if (typeof value !== "object" || value === null) return value;
  const names = Object.keys(value).filter((name) => !MEASURED.test(name));
  return Object.fromEntries(names.map((name) => [name, timeless((value as Record<string, unknown>)[name])]));
}

/** A table without its measured columns. */
function timelessTable(text: string): string[][] {
  const [head, ...rows] = text.trimEnd().split("\n").map((line) => line.split(","));
  const kept = head!.flatMap((name, i) => MEASURED.test(name) ? [] : [i]);
  return [head!, ...rows].map((row) => kept.map((i) => row[i]!));
}

/** Everything in a run's folder that must be the same in another run of the same plan. */
async function figuresOf(workspace: Workspace, out: string): Promise<Record<string, unknown>> {
  const read = (name: string) => Deno.readTextFile(join(workspace.path, out, name));
  const lines = (await read("metrics.jsonl")).trimEnd().split("\n").map((line) => JSON.parse(line));
  const models = await Array.fromAsync(Deno.readDir(join(workspace.path, out, "models")));
  const weights = models.map(async ({ name }) => {
    const bytes = await Deno.readFile(join(workspace.path, out, "models", name, "weights.safetensors"));
    return [name, decodeSafetensors(bytes).metadata["weightsSha256"]] as const;
  });
  return {
    report: timeless(JSON.parse(await read("report.json"))),
    metrics: timeless(lines),
    predictions: await read("predictions.csv"),
    pairs: timelessTable(await read("pairs.csv")),
    epochs: timelessTable(await read("epochs.csv")),
    models: Object.fromEntries((await Promise.all(weights)).toSorted()),
  };
}

/** Runs to the end. @returns the events */
async function told(workspace: Workspace, args: readonly string[]): Promise<TimedEvent[]> {
  const child = workspace.spawn([...args, "--json"]);
  const events = await Array.fromAsync(eventsOf(child));
  assertEquals((await child.status).code, 0, await new Response(child.stderr).text());
  return events;
}

/** "gc-0 1" for each epoch that was computed. */
function epochsIn(events: readonly TimedEvent[]): string[] {
  return events.flatMap((event) => event.type === "epoch" ? [`${runName(event.key)} ${event.record.epoch}`] : []);
}

Deno.test({
  name: "experiment: killed in the middle and gone on with by other workers it leaves the files of the whole run; " +
    "a further seed is computed alone, and makes the verdict exploratory",
  ignore,
  async fn() {
    await using workspace = await Workspace.create();
    const plan = ["--seeds", "3", "--arms", "no-gc,gc,gc-update", "--epochs", "2"];
    const whole = epochsIn(await told(workspace, small(workspace, "whole", ...plan, "--workers", "2")));
    const keys = {
      arms: ["no-gc", "gc", "gc-update"],
      learningRates: [1e-4],
      control: false,
      protocol: "fair",
    } as const;
    const names = allKeys({ ...keys, seeds: [0, 1, 2] }).map(runName);
    assertEquals(whole.toSorted(), names.flatMap((name) => [`${name} 1`, `${name} 2`]).toSorted());

    const child = workspace.spawn(
      small(workspace, "broken", ...plan, "--workers", "2", "--checkpoint-steps", "1", "--json"),
    );
    const before: TimedEvent[] = [];
    let isKilled = false;
    for await (const event of eventsOf(child)) {
      before.push(event);
      const isMiddle = event.type === "step" && event.key.seed === 1 && event.step === 2;
      if (isMiddle && !isKilled) child.kill("SIGKILL");
      isKilled ||= isMiddle;
    }
    assertEquals((await child.status).code, 137);
    await child.stderr.cancel();
    const after = epochsIn(await told(workspace, resume(workspace, "broken", "--workers", "1")));
    assert(after.length < whole.length && after.length >= 6 + 2, `${after}`);
    // One that was written and not told of may be missing; none is computed twice.
    const both = [...epochsIn(before), ...after];
    assertEquals(new Set(both).size, both.length);
    assertEquals(await figuresOf(workspace, "broken"), await figuresOf(workspace, "whole"));
    const { verdict, plan: declared, arms } = await workspace.report("broken");
    assertEquals([verdict.outcome, verdict.confirmatory], ["too few pairs", true]);
    assertEquals([declared.seeds, declared.declaredSeeds, arms.length], [[0, 1, 2], 3, 9]);

    const fewer = await workspace.run(resume(workspace, "broken", "--seeds", "2"));
    assertEquals(fewer.code, 2, fewer.stdout);
    assertStringIncludes(fewer.stderr, "--seeds 2 is less than the 3 of ");
    const more = epochsIn(await told(workspace, resume(workspace, "broken", "--seeds", "4", "--workers", "2")));
    assertEquals(more.toSorted(), ["gc-3 1", "gc-3 2", "gc-update-3 1", "gc-update-3 2", "no-gc-3 1", "no-gc-3 2"]);
    const extended = await workspace.report("broken");
    assertEquals([extended.verdict.confirmatory, extended.verdict.exploratoryBecause], [
      false,
      "extended after looking",
    ]);
    assertEquals([extended.plan.seeds.length, extended.plan.declaredSeeds, extended.arms.length], [4, 3, 12]);
    // What was there is as it was.
    const { report: old } = await figuresOf(workspace, "whole") as { report: typeof extended };
    const now = timeless(extended) as typeof extended;
    assertEquals(now.arms.slice(0, 9), old.arms);
    assertEquals(now.pairs.filter(({ seed }) => seed < 3), old.pairs);
  },
});

Deno.test({
  name:
    "experiment: rates of which one diverges, controls and diagnostics; what began from given weights; all diverged",
  ignore,
  async fn() {
    await using workspace = await Workspace.create();
    const at = (...names: string[]) => join(workspace.path, ...names);
    const plan = ["--learning-rate", "1e30,1e-4", "--control", "--epochs", "1", "--diagnostics", "--workers", "2"];
    const varied = await workspace.run(small(workspace, "varied", ...plan));
    assertEquals(varied.code, 0, varied.stderr);
    assertStringIncludes(varied.stdout, "Ended: The loss is not finite in arm gc, rate 1e+30, epoch 1, step 2 of 4");
    assertStringIncludes(varied.stdout, "Difference (no-gc must lose − no-gc, control)");
    const report = parseReport(await Deno.readTextFile(at("varied", "report.json")), "it");
    assertEquals(report.complete, true);
    assertEquals(
      report.arms.map(({ arm, learningRate, role, diverged }) => [arm, learningRate, role, diverged !== null]),
      [
        ["no-gc", 1e-4, null, false],
        ["gc", 1e-4, null, false],
        ["no-gc", 1e30, null, true],
        ["gc", 1e30, null, true],
        ["no-gc", 1e-4, "again", false],
        ["no-gc", 0, "lose", false],
      ],
    );
    const [noGc, , , , again, lose] = report.arms;
    assertEquals(lose!.weightsSha256, noGc!.initialWeightsSha256, "it has learned nothing");
    assertEquals(again!.initialWeightsSha256, noGc!.initialWeightsSha256);
    assert(again!.weightsSha256 !== noGc!.weightsSha256, "it has another random stream");
    assert(report.diagnostics!.layers.some(({ arm, updateCosine }) => arm === "gc" && updateCosine !== null));
    assertStringIncludes(await Deno.readTextFile(at("varied", "report.html")), "<svg");
    assertStringIncludes(await Deno.readTextFile(at("varied", "diagnostics.csv")), "\ngc,0,0.0001,,1,4,conv1.kernel,");

    // Both arms go on from weights of that run; then the second once more from where the first ended.
    const weights = at("varied", "models", "gc-0", "weights.safetensors");
    const published = ["--init-weights", weights, "--protocol", "as-published", "--epochs", "1", "--workers", "1"];
    const { code, stdout, stderr } = await workspace.run(small(workspace, "published", ...published));
    assertEquals(code, 0, stderr);
    assertStringIncludes(stdout, "ARTEFACT of the protocol as published");
    const { arms: [first, fair, artefact], plan: { initWeights } } = await workspace.report("published");
    assertEquals([initWeights, first!.initialWeightsSha256], [report.arms[1]!.weightsSha256, initWeights]);
    assertEquals([fair!.initialWeightsSha256, artefact!.role], [initWeights, "published"]);
    assertEquals(artefact!.initialWeightsSha256, first!.weightsSha256);

    const lost = await workspace.run(
      small(workspace, "lost", "--learning-rate", "1e30", "--epochs", "1", "--workers", "1"),
    );
    assertEquals(lost.code, 5, lost.stdout);
    assertStringIncludes(lost.stderr, "try a --learning-rate below 1e+30");
    assertEquals((await workspace.report("lost")).arms.map(({ diverged }) => diverged !== null), [true, true]);
  },
});
