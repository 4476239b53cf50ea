import { assert, assertAlmostEquals, assertEquals, assertStringIncludes } from "@std/assert";
import { afterEvent, NO_FAULTS, NOTHING_YET, type RunEvent, type RunKey } from "../../../coordinator/events/mod.ts";
import { finalBlock } from "../../../coordinator/report/final_block.ts";
import type { Report } from "../../../coordinator/report/report.ts";
import { reportOf } from "../../../coordinator/report/report_of.ts";
import { chanceAccuracy, describeVerification } from "../../../coordinator/report/wording.ts";
import { type Told, toldEvents, toldReport } from "../../fixtures/told_run.ts";

/** A pair of trainings with a seed. */
function pair(changes: Partial<Report> = {}): Report {
  const report = toldReport({}, ({ arm }) => ({
    epochs: [{}, { testLoss: arm === "gc" ? 0.5 : 0.6, testAuc: arm === "gc" ? 0.9 : 0.8 }],
  }));
  return { ...report, ...changes };
}

/** The block as one text. */
function text(report: Report): string {
  return finalBlock(report).join("\n");
}

Deno.test("finalBlock() of a single pair: both arms as the original prints them, with test figures, chance and area", () => {
  const lines = text(pair());
  const figures = [
    "  Loss: 0.500000",
    "  Accuracy: 0.750000 (chance 0.5000)",
    "  Training Time: 20.00 s",
    "  Test loss: 0.600000",
    "  Test accuracy: 0.800000 (chance 0.5000)",
    "  Test AUC: 0.800000 (chance 0.5)",
    "  Weights: aa",
  ];
  assertStringIncludes(lines, `Not using Gradient Centralization\n${figures.join("\n")}\n`);
  assertStringIncludes(lines, "\nUsing Gradient Centralization\n  Loss:");
  assertStringIncludes(lines, "Difference (gc − no-gc, rate 0.0001)\n  test AUC:           +0.100000\n");
  assertStringIncludes(lines, "  test loss:          -0.100000\n");
  assertStringIncludes(lines, "Verdict (test AUC): too few pairs: 1, and the rule asks for 6");
  assert(!lines.includes("Means of the last epoch"));
  assert(!lines.includes("95 %"), "one pair has no interval");
});

Deno.test("finalBlock() of a pair whose area is not known has no line for it", () => {
  const report = toldReport({ primary: "testLoss" }, () => ({ epochs: [{ testAuc: null }] }));
  assert(!text(report).includes("AUC"));
});

Deno.test("finalBlock() of many trainings: a row an arm and rate with means over the seeds, then intervals and the sentence", () => {
  const plan = { seeds: [0, 1, 2, 3, 4, 5], declared: { seeds: 6, epochs: 4 }, learningRates: [1e-4, 3e-4] };
  const tell = ({ arm, seed, role }: RunKey): Told => {
    const better = arm === "gc" ? 0.01 * (1 + seed) : role === "lose" ? -0.2 : 0;
    return { epochs: [{}, { testAuc: 0.7 + better, loss: 0.5 - seed / 100 }] };
  };
  const lines = finalBlock(toldReport({ ...plan, control: true }, tell));
  const start = lines.indexOf("Means of the last epoch over the seeds");
  assertEquals(lines.slice(start + 1, start + 9).map((line) => line.trimEnd().replace(/ {2,}/g, " | ").trim()), [
    "| arm | rate | seeds | loss | accuracy | test loss | test acc. | test AUC | training s",
    "| no-gc | 0.0001 | 6 | 0.4750 | 0.7500 | 0.6000 | 0.8000 | 0.7000 | 20.0",
    "| gc | 0.0001 | 6 | 0.4750 | 0.7500 | 0.6000 | 0.8000 | 0.7350 | 20.0",
    "| no-gc | 0.0003 | 6 | 0.4750 | 0.7500 | 0.6000 | 0.8000 | 0.7000 | 20.0",
    "| gc | 0.0003 | 6 | 0.4750 | 0.7500 | 0.6000 | 0.8000 | 0.7350 | 20.0",
    "| no-gc (again) | 0.0001 | 6 | 0.4750 | 0.7500 | 0.6000 | 0.8000 | 0.7000 | 20.0",
    "| no-gc (must lose) | 0 | 6 | 0.4750 | 0.7500 | 0.6000 | 0.8000 | 0.5000 | 20.0",
    "| (chance: test accuracy 0.5000)",
  ]);
  const whole = lines.join("\n");
  assertStringIncludes(
    whole,
    "Difference (gc − no-gc, rate 0.0001)\n" +
      "  test AUC:           +0.035000  (95 %: +0.015367 to +0.054633)  better in 6 of 6\n",
  );
  assertStringIncludes(whole, "Difference (no-gc again − no-gc, rate 0.0001, control)");
  assertStringIncludes(whole, "Difference (no-gc must lose − no-gc, control)");
  assertStringIncludes(whole, "Verdict (test AUC): gc is better than no-gc: ");
  assert(!whole.includes("Weights:"));
});

Deno.test("finalBlock(): a training that has diverged is named with its reason, left out of means, and figures are withheld", () => {
  const plan = { seeds: [0, 1], declared: { seeds: 2, epochs: 4 } };
  const why = "The loss is not finite in arm gc, seed 1, epoch 2, step 3 of 8: try a --learning-rate below 0.0001";
  const lines = text(
    toldReport(
      plan,
      ({ arm, seed }) => arm === "gc" && seed === 1 ? { epochs: [{ loss: 99 }], diverged: why } : { epochs: [{}, {}] },
    ),
  );
  assertStringIncludes(lines, `Diverged: ${why}.`);
  assert(/gc +0\.0001 +1 of 2 +0\.5000 /.test(lines), lines);
  assert(/no-gc +0\.0001 +2 +0\.5000 /.test(lines), lines);
  assert(/test AUC: +withheld +better in 0 of 2/.test(lines), lines);
  assertStringIncludes(lines, "gc diverged in 1 of 2 pairs, so mean and interval are withheld");
});

Deno.test("finalBlock() marks what the published protocol shows, wherever its figures are", () => {
  const lines = text(toldReport({ protocol: "as-published" }, () => ({ epochs: [{}] })));
  assertStringIncludes(lines, "ARTEFACT of the protocol as published until mid-2025");
  assert(/gc \(ARTEFACT, as published\) +0\.0001/.test(lines), lines);
  assertStringIncludes(lines, "Difference (gc ARTEFACT, as published − no-gc, rate 0.0001)");
  assert(!text(pair()).includes("ARTEFACT"));
});

Deno.test("finalBlock() says of a verdict that it is exploratory, and why", () => {
  const lines = text(toldReport({ declared: { seeds: 1, epochs: 3 } }, () => ({ epochs: [{}] })));
  assertStringIncludes(lines, "Verdict (test AUC): extended after looking, so exploratory: too few pairs: 1");
});

Deno.test("finalBlock(): a time of which a part was not timed is neither told nor compared, and it is said why", () => {
  const report = toldReport(
    {},
    ({ arm }) => ({ epochs: [arm === "gc" ? {} : { seconds: null, imagesPerSecond: null }] }),
  );
  assertEquals(report.arms.map(({ trainSeconds }) => trainSeconds), [null, 10]);
  assertEquals(report.comparison.filter(({ metric }) => metric === "seconds"), []);
  assertStringIncludes(text(report), "Training Time: not known");
  assertStringIncludes(text(report), "Where no time is told, the first step of a process");
  assert(!text(pair()).includes("Where no time is told"));
});

Deno.test("finalBlock() says what was compressed, and what that means for bit-identity", () => {
  assert(!text(pair()).includes("travelled"));
  const weights = text(pair({ compress: "fp16" }));
  assertStringIncludes(weights, "Weights travelled as fp16.");
  assert(!weights.includes("Bit-identity is off"));
  const both = text(pair({ compress: "bf16", compressGradients: true, bitIdentical: false }));
  assertStringIncludes(both, "Weights and gradients travelled as bf16.");
  assertStringIncludes(both, "Bit-identity is off: gradients were compressed.");
});

Deno.test("finalBlock() says what is not as it should be, and which images were left out", () => {
  const { dataset } = pair();
  const duplicates = { across: 1, files: [{ train: "t.png", test: "v.png" }], within: { train: 0, test: 0 } };
  const odd = pair({
    complete: false,
    bitIdentical: false,
    dataset: { ...dataset, fallback: true, skipped: { count: 12, files: ["a.png", "<b>.png"] }, duplicates },
    faults: { ...NO_FAULTS, workersLost: 2, leavesReissued: 9, pausedSeconds: 1.26 },
  });
  const faults = "Faults mended: workers lost 2, leaves given out again 9, seconds paused 1.3.";
  const skipped = "unreadable: 12 images (a.png, <b>.png and 10 more).";
  for (const part of ["PROCEDURAL DATA", "Bit-identity is off", "broken off", faults, skipped, "(v.png is t.png)"]) {
    assertStringIncludes(text(odd), part);
  }
  const none = { ...dataset, skipped: { count: 0, files: [] } };
  const plain = text(pair({ dataset: none }));
  for (const part of ["PROCEDURAL", "Bit-identity", "broken off", "Faults", "Left out", "INDEPENDENT"]) {
    assert(!plain.includes(part));
  }
});

Deno.test("a report says what was verified, what that is worth, and what is tainted", () => {
  const since = { key: { arm: "gc", seed: 0 }, epoch: 2, step: 1, steps: 9 } as const;
  const more: RunEvent[] = [
    { type: "check", compared: 20, impossible: 1, differing: 0 },
    { type: "check", compared: 3, impossible: 0, differing: 1 },
    { type: "taint", worker: "r2", host: "<node7>", since },
  ];
  const told = [...toldEvents({ steps: 9, verify: 0.01 }, () => undefined), ...more];
  const made = reportOf(told.reduce(afterEvent, NOTHING_YET), true);
  const { chanceToBeCaught, ...counts } = made.verification;
  assertEquals(counts, { share: 0.01, compared: 23, impossible: 1, differing: 1 });
  assertEquals(chanceToBeCaught.map(({ falsified }) => falsified), [0.01, 0.1, 1]);
  assertEquals(made.bitIdentical, false);
  const lines = text(made);
  assertStringIncludes(
    lines,
    "TAINTED: in this result there are wrong answers of r2 on <node7>, since arm gc, epoch 2",
  );
  assertStringIncludes(
    lines,
    "computed 23 answers again, and 1 differed; 1 could not be computed again, and of those nothing is known",
  );
  assertStringIncludes(lines, "of at least: for 1 % of them 0.1 %, 10 % of them 0.9 %, 100 % of them 100 %");
  assertEquals(describeVerification(pair()), "");
});

Deno.test("chanceAccuracy() is the larger class's part", () => {
  const classes = { horses: [500, 128], humans: [527, 128] } as const;
  assertAlmostEquals(chanceAccuracy(classes, "train"), 527 / 1027, 1e-12);
  assertEquals(chanceAccuracy(classes, "test"), 0.5);
});
