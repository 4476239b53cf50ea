import { assertEquals, assertStringIncludes } from "@std/assert";
import { ProgressLine, TerminalReporter } from "../../../coordinator/report/terminal.ts";
import { builtInModel } from "../../../shared/model.ts";

/** A clock that is set by hand, in seconds, while the test runs. */
function useClock(): Disposable & { set(seconds: number): void } {
  const real = performance.now;
  let now = 0;
  performance.now = () => 1000 * now;
  return { set: (seconds) => now = seconds, [Symbol.dispose]: () => void (performance.now = real) };
}

const key = { arm: "no-gc", seed: 0 } as const;
const facts = {
  modelName: "tiny",
  model: builtInModel("tiny", 22),
  arms: ["no-gc", "gc"] as const,
  epochs: 4,
  trainImages: 64,
  testImages: 8,
  initialWeightsSha256: "ab",
  folder: "runs/a",
  finishedEpochs: 0,
  resumedAt: undefined,
};
const record = {
  epoch: 4,
  loss: 0.5,
  accuracy: 0.5,
  testLoss: 0.5,
  testAccuracy: 0.5,
  seconds: 10,
  testSeconds: 0,
  imagesPerSecond: 6.4,
  bytesUp: 0,
  bytesDown: 0,
};
const options = { progress: new ProgressLine(() => {}, false), colour: false, quiet: false, verbose: false };

Deno.test("TerminalReporter: the time left after a resume follows from what this process has done", () => {
  using clock = useClock();
  const lines: string[] = [];
  const reporter = new TerminalReporter({ ...options, print: (line) => lines.push(line) });
  // 3 of 8 epochs are done, and half of the fourth: the first line comes half an epoch later.
  reporter.started({ ...facts, finishedEpochs: 3, resumedAt: { key, epoch: 4, step: 4, steps: 8 } });
  assertStringIncludes(lines.at(-1)!, "Resumed at arm no-gc, epoch 4, step 4 of 8");
  clock.set(5);
  reporter.epoch("no-gc", record);
  assertStringIncludes(lines.at(-1)!, "ETA 40 s");
});

Deno.test("TerminalReporter: the time left of a run from its beginning; only a long one names a --limit", () => {
  using clock = useClock();
  const lines: string[] = [];
  const reporter = new TerminalReporter({ ...options, print: (line) => lines.push(line) });
  reporter.started(facts);
  assertStringIncludes(lines.at(-1)!, "Folder  runs/a");
  clock.set(10);
  reporter.epoch("no-gc", { ...record, epoch: 1 });
  assertStringIncludes(lines.at(-1)!, "ETA 1 min 10 s");
  const step = { arm: "no-gc", key, epoch: 2, step: 1, steps: 8, metrics: record, images: 8, seconds: 80 } as const;
  reporter.step(step);
  assertStringIncludes(lines.at(-1)!, "At this speed the run takes about 1 h 25 min; --limit 7 would take ten minutes");
  const resumed = new TerminalReporter({ ...options, print: (line) => lines.push(line) });
  resumed.started({ ...facts, resumedAt: { key, epoch: 1, step: 1, steps: 8 } });
  const before = lines.length;
  resumed.step(step);
  assertEquals(lines.length, before);
});
