import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import {
  afterEvent,
  NO_CHECKS,
  NO_FAULTS,
  NOTHING_YET,
  type RunEvent,
  type RunKey,
} from "../../../coordinator/events/mod.ts";
import { Terminal } from "../../../coordinator/report/mod.ts";
import type { Style } from "../../../shared/cli/console.ts";
import { ProgressLine } from "../../../shared/cli/progress_line.ts";
import { DATASET, epochEvent, epochRecord, FACTS, stepEvent, workerInfo } from "../../fixtures/events.ts";

/** A clock that is set by hand, in seconds, while the test runs. */
function useClock(): Disposable & { set(seconds: number): void } {
  const real = performance.now;
  let now = 0;
  performance.now = () => 1000 * now;
  return { set: (seconds) => now = seconds, [Symbol.dispose]: () => void (performance.now = real) };
}

/** A terminal that is told events, and the lines that it has printed. */
function terminal(
  { isPiped = false, ...options }: {
    readonly quiet?: boolean;
    readonly verbose?: boolean;
    readonly isPiped?: boolean;
  } = {},
) {
  const lines: string[] = [];
  const shown: string[] = [];
  const sink = { write: (text: string) => shown.push(text), columns: () => 200 };
  const progress = new ProgressLine(isPiped ? undefined : sink);
  const styles: (string | undefined)[] = [];
  const print = (line: string, style?: Style) => void [lines.push(line), styles.push(style)];
  const { hear } = new Terminal({ quiet: false, verbose: false, ...options, progress, print });
  let snapshot = NOTHING_YET;
  return {
    lines,
    styles,
    shown,
    tell(...events: readonly RunEvent[]) {
      for (const event of events) hear(event, snapshot = afterEvent(snapshot, event));
      return lines.at(-1) ?? "";
    },
  };
}

const NO_GC = { arm: "no-gc", seed: 0 } as const;
const DATA: RunEvent = { type: "dataset", ...DATASET };
const RUN: RunEvent = { type: "run", ...FACTS };
const EPOCH = epochEvent(NO_GC, epochRecord(1));
const END = { weightsSha256: "", testLogits: [], diverged: null };
const history = { herd: "0.1.0", workers: [], fingerprints: [], bitIdentical: true };

Deno.test("Terminal: the time left after a resume follows from what this process has done", () => {
  using clock = useClock();
  const { tell } = terminal();
  // 3 of 8 epochs are done, and half of the fourth: the first line comes half an epoch later.
  const trainings = [
    { key: NO_GC, epochs: [epochRecord(1), epochRecord(2)], ...END },
    { key: { arm: "gc", seed: 0 } as const, epochs: [epochRecord(1)], ...END },
  ];
  const resumed = {
    at: { key: NO_GC, epoch: 3, step: 4, steps: 8 },
    history: { ...history, faults: NO_FAULTS, checks: NO_CHECKS, taints: [] },
    trainings,
  };
  assertStringIncludes(tell(DATA, { ...RUN, resumed }), "Resumed at arm no-gc, epoch 3, step 4 of 8");
  clock.set(5);
  assertStringIncludes(tell(EPOCH), "ETA 40 s");
});

Deno.test("Terminal: the time left of a run from its beginning; only a long one names a --limit, and only once", () => {
  using clock = useClock();
  const { tell, lines } = terminal();
  assertStringIncludes(tell(DATA, RUN), "Folder  runs/a");
  clock.set(10);
  assertStringIncludes(tell(EPOCH), "ETA 1 min 10 s");
  const long = tell(stepEvent(NO_GC, 2, 1, 80));
  assertStringIncludes(long, "At this speed the run takes about 1 h 25 min; --limit 7 would take ten minutes");
  const before = lines.length;
  tell(stepEvent(NO_GC, 2, 2, 160));
  assertEquals(lines.length, before);
});

Deno.test("Terminal: the live line has step, loss, speed and the time left; an untimed step has no speed yet", () => {
  using clock = useClock();
  const { tell, shown } = terminal();
  tell(DATA, RUN);
  clock.set(1);
  tell(stepEvent(NO_GC, 1, 1, 0));
  assertStringIncludes(shown.at(-1)!, "no-gc epoch 1/4 step 1/8  loss 0.5000  accuracy 0.5000  ETA 1 min 03 s");
  clock.set(2);
  tell(stepEvent(NO_GC, 1, 2, 2));
  assertStringIncludes(shown.at(-1)!, "8.0 images/s");
});

Deno.test("Terminal: workers, faults that are worth a line, and notices; --quiet leaves out what can be missed", () => {
  const events: readonly RunEvent[] = [
    DATA,
    RUN,
    { type: "worker", what: "joined", worker: workerInfo("w1") },
    { type: "worker", what: "preparing", worker: workerInfo("w1"), reason: "compiling 57 kernels" },
    { type: "worker", what: "ready", worker: workerInfo("w1") },
    { type: "fault", fault: "leavesReissued", count: 2 },
    { type: "fault", fault: "pauses", count: 1, text: "No worker is left" },
    { type: "worker", what: "lost", worker: workerInfo("w1", { host: "far" }), reason: "it is silent" },
    { type: "notice", text: "Look" },
  ];
  const after = (options: { quiet?: boolean; verbose?: boolean }) => {
    const { tell, lines, styles } = terminal(options);
    tell(...events);
    assertEquals(styles.at(-1), "warning");
    return lines;
  };
  const lost = "Worker  w1 (pid 1 on far) is gone: it is silent";
  assertEquals(after({ quiet: true }), ["No worker is left", lost, "Look"]);
  assertEquals(after({}).slice(-5), [
    "Worker  w1 (pid 1): compiling 57 kernels",
    "Worker  w1 (pid 1): simd on CPU, fingerprint ffffffffffffffff…",
    "No worker is left",
    lost,
    "Look",
  ]);
  assert(after({ verbose: true }).includes("Worker  w1 (pid 1) has joined"));
});

Deno.test("Terminal: the model is told in two lines, layer by layer with --verbose, and not with --quiet", () => {
  const told = (options: { quiet?: boolean; verbose?: boolean }, run: RunEvent = RUN) => {
    const { tell, lines } = terminal(options);
    tell(DATA, run);
    const from = lines.findIndex((line) => line.startsWith("Model"));
    return from < 0 ? [] : lines.slice(from, lines.findIndex((line) => line.startsWith("Arms")));
  };
  assertEquals(told({}), [
    "Model   tiny: 1,153 parameters, 12 layers, images of 22 × 22 px",
    "        298.1 kFLOP an image of a training step; a worker of simd needs 100.0 kB",
  ]);
  assertEquals(told({}, { ...RUN, memory: null } as RunEvent)[1], "        298.1 kFLOP an image of a training step");
  const table = told({ verbose: true });
  assert(table.includes("  dense1    (None, 16)             144    256 FLOP"), table.join("\n"));
  assertEquals(
    table.at(-1),
    "  Memory of a worker of simd: 100.0 kB (weights 4.0 kB, gradient sums 12.0 kB, activations and the rest 84.0 kB)",
  );
  assertEquals(told({ quiet: true }), []);
});

Deno.test("Terminal: the end shows the result; a run that was broken off has none", () => {
  const { tell, lines } = terminal({ quiet: true });
  tell(DATA, RUN, EPOCH);
  tell({ type: "end", complete: false, error: { code: "cluster", message: "gone" } });
  assertEquals(lines, []);
  assertEquals(tell({ type: "end", complete: true, error: null }), "Report: runs/a/report.html");
  assert(lines.includes("Not using Gradient Centralization"));
});

/** Eight trainings of four epochs: two arms at two rates with two seeds. */
const MANY: RunEvent = {
  ...RUN,
  seeds: [0, 1],
  learningRates: [1e-4, 3e-4],
  declared: { seeds: 2, epochs: 4 },
  initialWeightsSha256: { 0: "ab", 1: "cd" },
};
const FAST = { arm: "gc", seed: 1, learningRate: 3e-4 } as const;
/** The epochs of a training, whose loss falls. */
const epochsOf = (key: RunKey, count = 4) =>
  Array.from({ length: count }, (_, i) => epochEvent(key, epochRecord(i + 1, { loss: 0.9 - 0.1 * i })));

Deno.test("Terminal: of many trainings the plan and the rule are told before anything of them is known", () => {
  const { tell, lines } = terminal();
  tell(DATA, MANY);
  const text = lines.join("\n");
  assertStringIncludes(text, "Arms    no-gc, gc; each from its seed's initial weights\n");
  assertStringIncludes(text, "Plan    seeds 0 to 1, rates 0.0001, 0.0003: 8 trainings of 4 epochs\n");
  assertStringIncludes(text, "Rule    test AUC of the last epoch, gc against no-gc, rate 0.0001: An arm is called");
  assertStringIncludes(text, "Folder  runs/a (about 1.0 MB in the end)");
  const more = terminal();
  more.tell(DATA, { ...MANY, declared: { seeds: 1, epochs: 4 }, control: true, learningRates: [1e-4] });
  assertStringIncludes(
    more.lines.join("\n"),
    "Plan    seeds 0 to 1 (1 declared: the others come after looking), rate 0.0001, two controls a seed: 8 trainings",
  );
  const pair = terminal();
  pair.tell(DATA, RUN);
  assertEquals(/^(Plan|Rule)/m.test(pair.lines.join("\n")), false);
});

Deno.test("Terminal: many trainings have one line each, when they are done; alike when piped, where nothing is live", () => {
  const printed = [false, true].map((isPiped) => {
    using clock = useClock();
    const { tell, lines, shown } = terminal({ isPiped });
    tell(DATA, MANY);
    const before = lines.length;
    clock.set(8);
    for (const key of [NO_GC, FAST]) tell(stepEvent(key, 1, 1, 0), ...epochsOf(key, 3));
    assertEquals(lines.length, before, "none is done yet");
    clock.set(10);
    tell(stepEvent(FAST, 4, 8, 0), epochsOf(FAST)[3]!, epochsOf(NO_GC)[3]!);
    assertEquals(lines.slice(before), [
      "1/8  arm gc, rate 0.0003, seed 1     loss 0.6000 █▆▃▁  test loss 0.6000  test accuracy 0.8000  test AUC 0.9000" +
      "  ETA 36 s",
      "2/8  arm no-gc, seed 0               loss 0.6000 █▆▃▁  test loss 0.6000  test accuracy 0.8000  test AUC 0.9000" +
      "  ETA 30 s",
    ]);
    assertEquals(shown.length > 0, !isPiped);
    return lines;
  });
  assertEquals(printed[0], printed[1]);
  assertEquals(printed[1]!.filter((line) => line.includes("\x1b")), []);
});

Deno.test("Terminal: the live block of many trainings: which one, its loss so far, its last area, the time of all", () => {
  using clock = useClock();
  const { tell, shown } = terminal();
  tell(DATA, MANY, ...epochsOf(FAST, 2));
  clock.set(10);
  tell(stepEvent(FAST, 3, 4, 0));
  // 2.5 of 32 epochs in ten seconds. The last loss is that of the step.
  assertStringIncludes(
    shown.at(-1)!,
    "arm gc, rate 0.0003, seed 1, epoch 3/4 step 4/8\n  loss 0.5000 █▆▁  test AUC 0.9000  ETA of all 1 min 58 s",
  );
  tell({ type: "end", complete: false, error: null });
  clock.set(20);
  tell(stepEvent(NO_GC, 1, 1, 0));
  assertStringIncludes(shown.at(-1)!, "arm no-gc, seed 0, epoch 1/4 step 1/8\n  loss 0.5000 ▁  test AUC –");
});

Deno.test("Terminal: a training that diverges is told, and the time left is that of the others", () => {
  using clock = useClock();
  const { tell, styles } = terminal();
  tell(DATA, MANY, ...epochsOf(NO_GC));
  clock.set(10);
  const position = { key: FAST, epoch: 1, step: 3, steps: 8 };
  const told = tell({ type: "diverged", position, text: "The loss is not finite" });
  assertEquals([told, styles.at(-1)], [
    "Ended: The loss is not finite. It counts as a loss; the run goes on",
    "warning",
  ]);
  // 8 of 32 epochs in ten seconds, and 4 will never be: 20 are left.
  const line = tell(...epochsOf({ arm: "gc", seed: 0 }));
  assertStringIncludes(line, "3/8  arm gc, seed 0 ");
  assertStringIncludes(line, "ETA 25 s");
});

Deno.test("Terminal: a resumed run in which a training had diverged has the time left of what it does itself", () => {
  using clock = useClock();
  const { tell } = terminal();
  const trainings = [
    { key: NO_GC, epochs: [1, 2, 3, 4].map((epoch) => epochRecord(epoch)), ...END },
    { key: { arm: "gc", seed: 0 } as const, epochs: [epochRecord(1)], ...END, diverged: "It is lost" },
  ];
  const resumed = {
    at: { key: { ...NO_GC, learningRate: 3e-4 }, epoch: 1, step: 0, steps: 8 },
    history: { ...history, faults: NO_FAULTS, checks: NO_CHECKS, taints: [] },
    trainings,
  };
  tell(DATA, { ...MANY, resumed });
  clock.set(10);
  // Of 32 epochs 5 were done and 3 will never be. Four more in ten seconds: 20 are left.
  assertStringIncludes(tell(...epochsOf({ ...NO_GC, learningRate: 3e-4 })), "ETA 50 s");
});

Deno.test("Terminal: many trainings say after the first step what they will take, and name no --limit", () => {
  const { tell, lines } = terminal();
  tell(DATA, MANY, stepEvent(NO_GC, 1, 1, 80));
  const told = lines.at(-1)!;
  // 8 images in 80 seconds: 64 images, 32 epochs.
  assertEquals(told, "Time    about 5 h 41 min of training at this speed, without the tests after each epoch");
  tell(stepEvent(NO_GC, 1, 2, 160));
  assertEquals(lines.at(-1), told);
});

Deno.test("Terminal: a pair says after the first timed step what it will take, unless that is over at once", () => {
  const after = (seconds: number, options = {}) => {
    const { tell, lines } = terminal(options);
    const before = (tell(DATA, RUN), lines.length);
    tell(stepEvent(NO_GC, 1, 1, 0), stepEvent(NO_GC, 1, 2, seconds), stepEvent(NO_GC, 1, 3, 2 * seconds));
    return lines.slice(before);
  };
  // 16 images in so many seconds; 64 images, 8 epochs.
  assertEquals([after(0.5), after(1.2)], [[], [
    "Time    about 51 s of training at this speed, without the tests after each epoch",
  ]]);
  const long = "Time    about 5 min 20 s of training at this speed, without the tests after each epoch";
  assertEquals([after(10), after(10, { quiet: true })], [[long], []]);
  const tooLong = "At this speed the run takes about 1 h 46 min; --limit 6 would take ten minutes";
  assertEquals([after(200), after(200, { quiet: true })], [[tooLong], [tooLong]]);
});

Deno.test("Terminal: while the report is drawn, the live line says so", () => {
  using clock = useClock();
  const { tell, shown } = terminal();
  tell(DATA, RUN, ...epochsOf(NO_GC));
  assert(!shown.some((text) => text.includes("Drawing")));
  clock.set(10);
  tell(...epochsOf({ arm: "gc", seed: 0 }));
  assertStringIncludes(shown.at(-1)!, "Drawing the report");
});

Deno.test("Terminal: the end of many trainings is the table with the verdict; the titles and the sentence stand out", () => {
  const { tell, lines, styles } = terminal({ quiet: true });
  const keys = [0, 1].flatMap((seed) =>
    [{}, { learningRate: 3e-4 }].flatMap((rate) => (["no-gc", "gc"] as const).map((arm) => ({ arm, seed, ...rate })))
  );
  tell(DATA, MANY, ...keys.flatMap((key) => epochsOf(key)), { type: "end", complete: true, error: null });
  const strong = lines.filter((_, i) => styles[i] === "strong");
  assertEquals(strong, [
    "Means of the last epoch over the seeds",
    "Difference (gc − no-gc, rate 0.0001)",
    "Difference (gc − no-gc, rate 0.0003)",
    "Verdict (test AUC): too few pairs: 2, and the rule asks for 6",
  ]);
  assert(!lines.some((line) => line.startsWith("Not using")));
});

Deno.test("Terminal: a single pair has a line an epoch, with its area, and the original's block in the end", () => {
  const { tell, lines } = terminal();
  tell(DATA, RUN, EPOCH);
  assertStringIncludes(lines.at(-1)!, "no-gc  epoch 1/4  loss 0.5000  accuracy 0.7500  test loss 0.6000");
  assertStringIncludes(lines.at(-1)!, "test AUC 0.9000  10.0 s  6.4 images/s");
  tell(epochEvent({ arm: "gc", seed: 0 }, epochRecord(1)), { type: "end", complete: true, error: null });
  const text = lines.join("\n");
  assertStringIncludes(text, "Using Gradient Centralization\n  Loss: 0.500000\n");
  assertStringIncludes(text, "  Test AUC: 0.900000 (chance 0.5)");
  assert(!text.includes("Means of the last epoch"));
});
