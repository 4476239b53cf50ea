import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { afterEvent, NO_CHECKS, NO_FAULTS, NOTHING_YET, type RunEvent } from "../../../coordinator/events/mod.ts";
import { Terminal } from "../../../coordinator/report/mod.ts";
import type { Style } from "../../../shared/cli/console.ts";
import { ProgressLine } from "../../../shared/cli/progress_line.ts";
import { DATASET, epochRecord, FACTS, stepEvent, workerInfo } from "../../fixtures/events.ts";

/** A clock that is set by hand, in seconds, while the test runs. */
function useClock(): Disposable & { set(seconds: number): void } {
  const real = performance.now;
  let now = 0;
  performance.now = () => 1000 * now;
  return { set: (seconds) => now = seconds, [Symbol.dispose]: () => void (performance.now = real) };
}

/** A terminal that is told events, and the lines that it has printed. */
function terminal(options: { readonly quiet?: boolean; readonly verbose?: boolean } = {}) {
  const lines: string[] = [];
  const shown: string[] = [];
  const progress = new ProgressLine({ write: (text) => shown.push(text), columns: () => 200 });
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
const EPOCH: RunEvent = { type: "epoch", key: NO_GC, record: epochRecord(1), weightsSha256: "1" };
const history = { herd: "0.1.0", workers: [], fingerprints: [], bitIdentical: true };

Deno.test("Terminal: the time left after a resume follows from what this process has done", () => {
  using clock = useClock();
  const { tell } = terminal();
  // 3 of 8 epochs are done, and half of the fourth: the first line comes half an epoch later.
  const trainings = [
    { key: NO_GC, epochs: [epochRecord(1), epochRecord(2)], weightsSha256: "" },
    { key: { arm: "gc", seed: 0 } as const, epochs: [epochRecord(1)], weightsSha256: "" },
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
  assertEquals(after({}).slice(-4), [
    "Worker  w1 (pid 1): simd on CPU, fingerprint ffffffffffffffff…",
    "No worker is left",
    lost,
    "Look",
  ]);
  assert(after({ verbose: true }).includes("Worker  w1 (pid 1) has joined"));
});

Deno.test("Terminal: the end shows the result; a run that was broken off has none", () => {
  const { tell, lines } = terminal({ quiet: true });
  tell(DATA, RUN, EPOCH);
  tell({ type: "end", complete: false, error: { code: "cluster", message: "gone" } });
  assertEquals(lines, []);
  assertEquals(tell({ type: "end", complete: true, error: null }), "Report: runs/a/report.html");
  assert(lines.includes("Not using Gradient Centralization"));
});
