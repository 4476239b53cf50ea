import { assertEquals, assertRejects } from "@std/assert";
import type { RunEvent, RunFacts, RunKey } from "../../../coordinator/events/mod.ts";
import { NO_CHECKS, NO_FAULTS, runName } from "../../../coordinator/events/mod.ts";
import { MetricsFile } from "../../../coordinator/storage/metrics_file.ts";
import { epochEvent, epochRecord, FACTS } from "../../fixtures/events.ts";

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
      const { epoch, ...key } = JSON.parse(line);
      return `${runName(key)} ${epoch}`;
    });
  }
}

const GC: RunKey = { arm: "gc", seed: 0 };
const NO_GC: RunKey = { arm: "no-gc", seed: 0 };
const epochOf = (key: RunKey, epoch: number): RunEvent => epochEvent(key, epochRecord(epoch));
/** A run that begins, or goes on with so many epochs of each training. */
function runOf(finished?: readonly (readonly [RunKey, number])[], changes: Partial<RunFacts> = {}): RunEvent {
  const rest = { faults: NO_FAULTS, checks: NO_CHECKS, taints: [] };
  const history = { herd: "1", workers: [], fingerprints: [], bitIdentical: true, ...rest };
  return {
    type: "run",
    ...FACTS,
    epochs: 3,
    ...changes,
    resumed: finished === undefined ? null : {
      at: { key: GC, epoch: 2, step: 0, steps: 1 },
      history,
      trainings: finished.map(([key, epochs]) => ({
        key,
        epochs: Array.from({ length: epochs }, (_, i) => epochRecord(i + 1)),
        weightsSha256: "",
        testLogits: [],
        diverged: null,
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
  assertEquals(file.lines[0], JSON.stringify({ arm: "no-gc", seed: 0, ...epochRecord(1) }));
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

Deno.test("metrics.jsonl names the rate and role of a training where it has one, in the order of turns", async () => {
  const file = new Lines();
  const metrics = new MetricsFile(file, () => {});
  const [fast, again, published] = [
    { ...GC, learningRate: 1e-3 },
    { ...NO_GC, role: "again" },
    { ...GC, role: "published" },
  ] as const;
  const plan = { learningRates: [1e-4, 1e-3], control: true, protocol: "as-published" } as const;
  await metrics.handle(runOf([[published, 2], [again, 1], [fast, 1], [GC, 1]], plan));
  assertEquals(file.epochs, ["gc-0 1", "gc-0-0.001 1", "no-gc-0-again 1", "gc-0-published 1", "gc-0-published 2"]);
  assertEquals(Object.keys(JSON.parse(file.lines[1]!)).slice(0, 4), ["arm", "seed", "learningRate", "epoch"]);
  assertEquals(JSON.parse(file.lines[2]!).role, "again");
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
