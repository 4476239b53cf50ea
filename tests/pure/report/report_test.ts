import { assert, assertAlmostEquals, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { parseReport } from "../../../coordinator/report/parse_report.ts";
import { type ArmReport, chanceAccuracy, compare, type Report, reportOf } from "../../../coordinator/report/report.ts";
import {
  afterEvent,
  type EpochRecord,
  NO_CHECKS,
  NO_FAULTS,
  NOTHING_YET,
  type RunEvent,
} from "../../../coordinator/events/mod.ts";
import { reportHtml } from "../../../coordinator/report/report_html.ts";
import { finalBlock } from "../../../coordinator/report/final_block.ts";
import { formatBytes, formatSeconds } from "../../../shared/cli/format.ts";
import { DATASET, epochRecord, FACTS, workerInfo } from "../../fixtures/events.ts";
import { HerdError } from "../../../shared/errors.ts";

function epoch(number: number, testLoss: number): EpochRecord {
  const figures = { loss: 0.5, accuracy: 0.75, testLoss, testAccuracy: 0.8, imagesPerSecond: 100 };
  return { epoch: number, ...figures, seconds: 10, testSeconds: 1, bytesUp: 1, bytesDown: 1 };
}

function arm(name: ArmReport["arm"], ...testLosses: number[]): ArmReport {
  const epochs = testLosses.map((loss, i) => epoch(i + 1, loss));
  return {
    arm: name,
    seed: 0,
    weightsSha256: "a".repeat(64),
    initialWeightsSha256: "b".repeat(64),
    trainSeconds: 10 * epochs.length,
    epochs,
  };
}

function report(changes: Partial<Report> = {}): Report {
  const arms = [arm("no-gc", 0.7, 0.6), arm("gc", 0.65, 0.5)];
  return {
    complete: true,
    dataset: {
      name: "a <b> & c",
      train: 1027,
      test: 256,
      limit: null,
      classes: { horses: [500, 128], humans: [527, 128] },
      sha256: "c".repeat(64),
      imageShape: [300, 300, 3],
      fallback: false,
      skipped: { count: 0, files: [] },
    },
    model: { name: "keras-example", parameters: 1_704_097 },
    engine: { name: "simd", fingerprint: "d".repeat(64), adapter: "CPU" },
    compress: "none",
    compressGradients: false,
    bitIdentical: true,
    faults: NO_FAULTS,
    verification: { share: 0, ...NO_CHECKS, chanceToBeCaught: [] },
    taints: [],
    workers: [{ id: "w1", engine: "simd", adapter: "CPU", host: "", imagesPerSecond: 1 }],
    arms,
    comparison: compare(arms),
    ...changes,
  };
}

Deno.test("compare() takes the last epoch, arm minus baseline, and claims no more than one pair allows", () => {
  const entries = compare(report().arms);
  const testLoss = entries.find(({ metric }) => metric === "testLoss")!;
  assertAlmostEquals(testLoss.meanDifference, -0.1, 1e-12);
  assertEquals([testLoss.baseline, testLoss.arm, testLoss.pairs, testLoss.ci95], ["no-gc", "gc", 1, null]);
  assertStringIncludes(testLoss.verdict, "gc is ahead in this one pair; a single pair cannot tell it from chance");
  assertEquals(entries.find(({ metric }) => metric === "accuracy")!.verdict, "no difference");
});

Deno.test("compare() pairs trainings with the same seed and takes the mean over the pairs", () => {
  const seeded = (name: ArmReport["arm"], seed: number, testLoss: number) => ({ ...arm(name, testLoss), seed });
  const arms = [seeded("no-gc", 1, 0.5), seeded("gc", 2, 0.1), seeded("gc", 1, 0.25), seeded("no-gc", 2, 0.2)];
  const entry = compare(arms).find(({ metric }) => metric === "testLoss")!;
  assertEquals([entry.baseline, entry.arm, entry.pairs], ["no-gc", "gc", 2]);
  assertAlmostEquals(entry.meanDifference, (-0.25 - 0.1) / 2);
  assertEquals(entry.verdict, "gc is ahead in the mean of 2 pairs");
});

Deno.test("reportOf() makes the report of what a run has told, arms in the order of the experiment", () => {
  const gc = { arm: "gc", seed: 0 } as const;
  const events: RunEvent[] = [
    { type: "dataset", ...DATASET },
    { type: "run", ...FACTS },
    { type: "worker", what: "ready", worker: workerInfo("w10") },
    { type: "worker", what: "ready", worker: workerInfo("w9", { host: "far" }) },
    { type: "epoch", key: gc, record: epochRecord(1), weightsSha256: "1" },
    { type: "epoch", key: { arm: "no-gc", seed: 0 }, record: epochRecord(1), weightsSha256: "2" },
  ];
  const made = reportOf(events.reduce(afterEvent, NOTHING_YET), false);
  assertEquals(made.arms.map(({ arm, weightsSha256 }) => [arm, weightsSha256]), [["no-gc", "2"], ["gc", "1"]]);
  assertEquals(made.arms[0]!.initialWeightsSha256, FACTS.initialWeightsSha256[0]);
  assertEquals(made.workers.map(({ id, host }) => [id, host]), [["w9", "far"], ["w10", ""]]);
  assertEquals([made.complete, made.bitIdentical, made.engine.name], [false, true, "simd"]);
  assertEquals([made.dataset.train, made.dataset.test, made.comparison.length], [64, 8, 5]);
  assertEquals(made.dataset.skipped, DATASET.info.skipped);
  assertThrows(() => reportOf(NOTHING_YET, true), RangeError, "has not begun");
});

Deno.test("compare() does not compare arms with different numbers of epochs", () => {
  assertEquals(compare([arm("no-gc", 0.7, 0.6), arm("gc", 0.65)]), []);
  assertEquals(compare([arm("no-gc", 0.7)]), []);
  assertEquals(compare([]), []);
});

Deno.test("chanceAccuracy() is the larger class's part", () => {
  assertAlmostEquals(chanceAccuracy(report().dataset.classes, "train"), 527 / 1027, 1e-12);
  assertEquals(chanceAccuracy(report().dataset.classes, "test"), 0.5);
});

Deno.test("finalBlock() prints both arms as the original does, chance, and the differences", () => {
  const text = finalBlock(report()).join("\n");
  for (
    const part of [
      "Not using Gradient Centralization\n  Loss: 0.500000\n  Accuracy: 0.750000 (chance 0.5131)\n  Training Time: 20.00 s",
      "Using Gradient Centralization",
      "Difference (gc − no-gc)",
      "testLoss: -0.100000",
    ]
  ) assertStringIncludes(text, part);
});

Deno.test("a time of which a part was not timed is neither told nor compared, and it is said why", () => {
  const seconds = { seconds: null, imagesPerSecond: null };
  const epoch = (changes: Partial<EpochRecord>): RunEvent[] =>
    (["no-gc", "gc"] as const).map((arm) => ({
      type: "epoch",
      key: { arm, seed: 0 },
      record: epochRecord(1, arm === "gc" ? {} : changes),
      weightsSha256: "",
    }));
  const told = (changes: Partial<EpochRecord>) => {
    const events: RunEvent[] = [{ type: "dataset", ...DATASET }, { type: "run", ...FACTS }, ...epoch(changes)];
    return reportOf(events.reduce(afterEvent, NOTHING_YET), true);
  };
  const [whole, part] = [told({}), told(seconds)];
  assertEquals(parseReport(JSON.stringify(part), "here"), part);
  assertEquals([whole, part].map(({ arms }) => arms.map(({ trainSeconds }) => trainSeconds)), [[10, 10], [null, 10]]);
  assertEquals(
    [whole, part].map(({ comparison }) => comparison.filter(({ metric }) => metric === "seconds").length),
    [1, 0],
  );
  assertStringIncludes(finalBlock(part).join("\n"), "Training Time: not known");
  for (const render of [(one: Report) => finalBlock(one).join("\n"), reportHtml]) {
    assertStringIncludes(render(part), "Where no time is told, the first step of a process");
    assertEquals(render(whole).includes("Where no time is told"), false);
  }
});

Deno.test("finalBlock() and reportHtml() say what was compressed, and what that means for bit-identity", () => {
  const weights = report({ compress: "fp16" });
  const both = report({ compress: "bf16", compressGradients: true, bitIdentical: false });
  for (const render of [(one: Report) => finalBlock(one).join("\n"), reportHtml]) {
    assertEquals(render(report()).includes("travelled"), false);
    assertStringIncludes(render(weights), "Weights travelled as fp16.");
    assertEquals(render(weights).includes("Bit-identity is off"), false);
    assertStringIncludes(render(both), "Weights and gradients travelled as bf16.");
    assertStringIncludes(render(both), "Bit-identity is off: gradients were compressed.");
  }
});

Deno.test("finalBlock() and reportHtml() say what is not as it should be", () => {
  const odd = report({
    complete: false,
    bitIdentical: false,
    dataset: { ...report().dataset, fallback: true },
    faults: { ...NO_FAULTS, workersLost: 2, leavesReissued: 9, pausedSeconds: 1.26 },
  });
  const text = finalBlock(odd).join("\n");
  const faults = "Faults mended: workers lost 2, leaves given out again 9, seconds paused 1.3.";
  for (const part of ["PROCEDURAL DATA", "Bit-identity is off", "broken off", faults]) assertStringIncludes(text, part);
  assert(!finalBlock(report()).join("\n").includes("Faults"));
  const html = reportHtml(odd);
  for (const part of ["PROCEDURAL DATA", "broken off", "(PROCEDURAL DATA)", faults]) assertStringIncludes(html, part);
});

Deno.test("finalBlock() and reportHtml() say which images were left out; a report of before had none", () => {
  const without = report({ dataset: { ...report().dataset, skipped: { count: 12, files: ["a.png", "<b>.png"] } } });
  assertStringIncludes(finalBlock(without).join("\n"), "unreadable: 12 images (a.png, <b>.png and 10 more).");
  assertStringIncludes(reportHtml(without), "unreadable: 12 images (a.png, &#60;b&#62;.png and 10 more).");
  const { skipped: _skipped, ...dataset } = report().dataset;
  const before = parseReport(JSON.stringify({ ...report(), dataset }), "x");
  assertEquals(before.dataset.skipped, { count: 0, files: [] });
  for (const text of [finalBlock(before).join("\n"), reportHtml(before)]) {
    assertEquals(text.includes("Left out"), false);
  }
});

Deno.test("reportHtml() is self-contained, draws a line for each arm and split, and escapes names", () => {
  const html = reportHtml(report());
  assertEquals(html.match(/<polyline/g)!.length, 8);
  assert(!/(src|href)=/.test(html));
  assertStringIncludes(html, "a &#60;b&#62; &#38; c");
  assert(!html.includes("NaN") && !html.includes("undefined"));
  assert(reportHtml(report({ arms: [], comparison: [] })).includes("<svg"));
});

/** A value with something else at each of its places in turn. */
function* withAnywhere(value: unknown, what: unknown): Generator<unknown> {
  yield what;
  if (typeof value !== "object" || value === null) return;
  for (const [name, one] of Object.entries(value)) {
    for (const changed of withAnywhere(one, what)) {
      yield Array.isArray(value) ? value.with(Number(name), changed) : { ...value, [name]: changed };
    }
  }
}

const SCRIPT = `"'><script>alert(1)</script><img src=x onerror=alert(1)>\u202e\x1b[2J`;

Deno.test("a report with markup anywhere, also where figures belong, gives a page without it", () => {
  const { dataset } = report();
  const classes = report({ dataset: { ...dataset, classes: { [SCRIPT]: [1, 1], b: [1, 1] } } });
  let pages = 0;
  for (const changed of [classes, ...withAnywhere(report(), SCRIPT)]) {
    let page: string;
    try {
      page = reportHtml(changed as Report); // without a look at it before
    } catch (error) {
      assert(error instanceof TypeError, `${error}`); // a text is no list
      continue;
    }
    pages++;
    for (const part of ["<script", "<img", "\u202e", "\x1b"]) assert(!page.includes(part), page);
  }
  assert(pages > 20, `${pages}`);
});

Deno.test("a damaged report.json is refused in a sentence that says where, and never a bug", () => {
  for (const wrong of [null, "x", -1, [], { a: 1 }, true]) {
    for (const changed of withAnywhere(report(), wrong)) {
      let parsed: Report;
      try {
        parsed = parseReport(JSON.stringify(changed), "report.json");
      } catch (error) {
        assert(error instanceof HerdError && error.code === "data", `${error}`);
        continue;
      }
      finalBlock(parsed);
      reportHtml(parsed);
    }
  }
  const { arms: [first] } = report();
  const broken = { ...report(), arms: [{ ...first, epochs: [{ ...first!.epochs[0], testLoss: null }] }] };
  const { message } = assertThrows(() => parseReport(JSON.stringify(broken), "r.json"), HerdError);
  assertStringIncludes(message, "r.json is not a report of a run (arms.0.epochs.0.testLoss: ");
});

Deno.test("parseReport() reads a report back and refuses anything else", () => {
  assertEquals(parseReport(JSON.stringify(report()), "x"), report());
  const { compress: _compress, compressGradients: _gradients, ...older } = report();
  assertEquals(parseReport(JSON.stringify(older), "x"), report());
  for (const text of ["", "{}", "[]", "null"]) {
    assertThrows(() => parseReport(text, "report.json"), HerdError, "report.json is not a report");
  }
});

Deno.test("formatSeconds() and formatBytes() are short", () => {
  assertEquals([0, 59.6, 3599, 7265, NaN].map(formatSeconds), ["0 s", "1 min 00 s", "59 min 59 s", "2 h 01 min", "–"]);
  assertEquals([999, 149_574_867].map(formatBytes), ["1.0 kB", "149.6 MB"]);
});

Deno.test("a report says what was verified, what that is worth, and what is tainted, as text and as a page", () => {
  const since = { key: { arm: "gc", seed: 0 }, epoch: 2, step: 1, steps: 9 } as const;
  const events: RunEvent[] = [
    { type: "dataset", ...DATASET },
    { type: "run", ...FACTS, steps: 9, verify: 0.01 },
    { type: "check", compared: 20, impossible: 1, differing: 0 },
    { type: "check", compared: 3, impossible: 0, differing: 1 },
    { type: "taint", worker: "r2", host: "<node7>", since },
  ];
  const made = reportOf(events.reduce(afterEvent, NOTHING_YET), true);
  const { chanceToBeCaught, ...counts } = made.verification;
  assertEquals(counts, { share: 0.01, compared: 23, impossible: 1, differing: 1 });
  assertEquals(chanceToBeCaught.map(({ falsified }) => falsified), [0.01, 0.1, 1]);
  assertEquals(made.bitIdentical, false);
  const text = finalBlock(made).join("\n");
  assertStringIncludes(
    text,
    "TAINTED: in this result there are wrong answers of r2 on <node7>, since arm gc, epoch 2, step 1",
  );
  assertStringIncludes(
    text,
    "computed 23 answers again, and 1 differed; 1 could not be computed again, and of those nothing is known",
  );
  assertStringIncludes(text, "of at least: for 1 % of them 0.1 %, 10 % of them 0.9 %, 100 % of them 100 %");
  const page = reportHtml(made);
  assertStringIncludes(page, "TAINTED");
  assert(!page.includes("<node7>"));
  assertEquals(parseReport(JSON.stringify(made), "x"), made);
  // One from before there was any of it.
  const { verification: _verification, taints: _taints, ...old } = made;
  const read = parseReport(JSON.stringify(old), "x");
  assertEquals([read.verification.share, read.taints], [0, []]);
});
