import { assertEquals, assertRejects } from "@std/assert";
import type { EpochRecord, RunEvent, RunKey } from "../../../coordinator/events/mod.ts";
import { NO_CHECKS, NO_FAULTS } from "../../../coordinator/events/mod.ts";
import { MetricsFile } from "../../../coordinator/storage/metrics_file.ts";
import { builtInModel } from "../../../shared/model.ts";

/** A file in memory that can refuse. */
class Lines {
  lines: string[] = [];
  calls: string[] = [];
  refusal: Error | undefined;

  writeMetrics(lines: readonly unknown[]): Promise<void> {
    return this.#do("all", () => this.lines = lines.map((line) => JSON.stringify(line)));
  }
  appendMetrics(line: unknown): Promise<void> {
    return this.#do("one", () => this.lines.push(JSON.stringify(line)));
  }
  async #do(call: string, action: () => unknown): Promise<void> {
    await Promise.resolve();
    this.calls.push(call);
    if (this.refusal !== undefined) throw this.refusal;
    action();
  }
  /** "gc-0 1" for each line. */
  get epochs(): string[] {
    return this.lines.map((line) => {
      const { arm, seed, epoch } = JSON.parse(line);
      return `${arm}-${seed} ${epoch}`;
    });
  }
}

const record = (epoch: number): EpochRecord => ({
  epoch,
  loss: 0.5,
  accuracy: 0.5,
  testLoss: 0.5,
  testAccuracy: 0.5,
  seconds: 10,
  testSeconds: 1,
  imagesPerSecond: 6,
  bytesUp: 1,
  bytesDown: 2,
});
const GC: RunKey = { arm: "gc", seed: 0 };
const NO_GC: RunKey = { arm: "no-gc", seed: 0 };
const epochOf = (key: RunKey, epoch: number): RunEvent => {
  return { type: "epoch", key, record: record(epoch), weightsSha256: "" };
};
/** A run that begins, or goes on with so many epochs of each training. */
function runOf(finished?: readonly (readonly [RunKey, number])[]): RunEvent {
  const rest = { faults: NO_FAULTS, checks: NO_CHECKS, taints: [] };
  const history = { herd: "1", workers: [], fingerprints: [], bitIdentical: true, ...rest };
  return {
    type: "run",
    folder: "",
    herd: "1",
    backend: "simd",
    modelName: "tiny",
    model: builtInModel("tiny", 22),
    arms: ["no-gc", "gc"],
    seeds: [0],
    epochs: 3,
    steps: 1,
    verify: 0,
    initialWeightsSha256: {},
    compress: "none",
    compressGradients: false,
    resumed: finished === undefined ? null : {
      at: { key: GC, epoch: 2, step: 0, steps: 1 },
      history,
      trainings: finished.map(([key, epochs]) => ({
        key,
        epochs: Array.from({ length: epochs }, (_, i) => record(i + 1)),
        weightsSha256: "",
      })),
    },
  };
}

Deno.test("metrics.jsonl has a line for each epoch: the key, then the record; other events add nothing", async () => {
  const file = new Lines();
  file.lines = ["of another run"];
  const metrics = new MetricsFile(file, (text) => {
    throw new Error(text);
  });
  await metrics.handle(runOf());
  assertEquals(file.lines, []);
  await metrics.handle({ type: "notice", text: "hello" });
  await metrics.handle(epochOf(NO_GC, 1));
  await metrics.handle(epochOf(GC, 1));
  assertEquals(file.lines[0], JSON.stringify({ arm: "no-gc", seed: 0, ...record(1) }));
  assertEquals(file.epochs, ["no-gc-0 1", "gc-0 1"]);
  assertEquals(file.calls, ["all", "one", "one"]);
  await metrics.finish();
  assertEquals(file.calls.length, 3);
});

Deno.test("metrics.jsonl of a resumed run has what its checkpoints have, in the order of turns, and goes on", async () => {
  const file = new Lines();
  const metrics = new MetricsFile(file, () => {});
  await metrics.handle(runOf([[GC, 2], [NO_GC, 1]]));
  assertEquals(file.epochs, ["no-gc-0 1", "gc-0 1", "gc-0 2"]);
  await metrics.handle(epochOf(NO_GC, 2));
  assertEquals(file.epochs, ["no-gc-0 1", "gc-0 1", "gc-0 2", "no-gc-0 2"]);
});

Deno.test("metrics.jsonl: a disk that refuses is told once, and what is missing is written when there is room", async () => {
  const file = new Lines();
  const told: string[] = [];
  const metrics = new MetricsFile(file, (text) => told.push(text));
  await metrics.handle(runOf());
  file.refusal = new Error("No space left on device");
  await metrics.handle(epochOf(NO_GC, 1));
  await metrics.handle(epochOf(GC, 1));
  assertEquals(told, [
    "No space left on device: the run goes on, and what is missing is written when there is room",
  ]);
  file.refusal = undefined;
  await metrics.handle(epochOf(GC, 2));
  assertEquals(file.epochs, ["no-gc-0 1", "gc-0 1", "gc-0 2"]);
  file.refusal = new Error("No space left on device");
  await metrics.handle(epochOf(NO_GC, 2));
  assertEquals(told.length, 2);
  await assertRejects(() => metrics.finish(), Error, "No space left");
  file.refusal = undefined;
  await metrics.finish();
  assertEquals(file.epochs, ["no-gc-0 1", "gc-0 1", "gc-0 2", "no-gc-0 2"]);
});
