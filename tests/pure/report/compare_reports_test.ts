import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { compareReports } from "../../../coordinator/report/compare_reports.ts";
import type { Report } from "../../../coordinator/report/report.ts";
import { HerdError } from "../../../shared/errors.ts";
import { type ExampleOptions, exampleReport } from "../../fixtures/reports.ts";

const SMALL = { seeds: 6, epochs: 2, arms: ["no-gc", "gc"] } as const;

const run = (name: string, options: ExampleOptions = {}) => ({ name, report: exampleReport({ ...SMALL, ...options }) });

Deno.test("compareReports() puts runs beside each other, a row a comparison by the primary metric", () => {
  const three = run("runs/b", { arms: ["no-gc", "gc", "gc-update"] });
  const lines = compareReports([run("runs/a"), three]);
  assertStringIncludes(lines[0]!, "test AUC of the last epoch, horses-or-humans (SHA-256 c1c1c1c1c1c1…)");
  const rows = lines.filter((line) => line.includes("− no-gc at 1e-4"));
  assertEquals(rows.length, 3);
  const { comparison: [main], verdict } = run("runs/a").report;
  assertStringIncludes(rows[0]!, "runs/a  gc − no-gc at 1e-4");
  assertStringIncludes(rows[0]!, main!.meanDifference!.toFixed(4).replace("-", "−"));
  assertStringIncludes(rows[0]!, verdict.sentence);
  assertEquals(rows.map((row) => row.indexOf("− no-gc") > 0 && row.includes("c1c1c1c1c1c1…")), [true, true, true]);
  assertEquals(new Set(rows.map((row) => row.indexOf("c1c1c1c1c1c1…"))).size, 1, "columns stand below each other");
  assertStringIncludes(rows[2]!, "gc-update − no-gc at 1e-4");
});

Deno.test("compareReports() says which runs are repetitions, and which have other weights", () => {
  const [a, b] = [run("a"), run("b")];
  const end = (other: Report) => compareReports([a, { name: "b", report: other }]).at(-1)!;
  assertEquals(
    end(b.report),
    "a and b are repetitions: all 12 trainings ended with the same weights, bit for bit, and are no further evidence.",
  );
  const weights = (from: number) =>
    b.report.arms.map((one, i) => i < from ? one : { ...one, weightsSha256: "f".repeat(64) });
  assertEquals(
    end({ ...b.report, arms: weights(3) }),
    "a and b have 12 trainings in common, 3 of them with the same weights, bit for bit.",
  );
  assertEquals(end({ ...b.report, arms: weights(0) }), "a and b have 12 trainings in common, all with other weights.");
  assertEquals(end({ ...b.report, arms: [] }), "a and b have no training in common.");
  assertStringIncludes(end(run("b", { seeds: 3 }).report), "6 trainings in common, 6 of them with the same weights");
});

Deno.test("compareReports() tells what the runs differ in, and what must not be missed of each", () => {
  const { plan, dataset } = run("").report;
  const same = compareReports([run("a"), run("b")]);
  assertStringIncludes(same.join("\n"), "The runs have the same settings.");
  const lines = compareReports([
    run("a", { changes: { plan: { ...plan, optimizer: "adam" }, complete: false } }),
    run("b", { changes: { compress: "bf16" } }),
  ]).join("\n");
  for (const part of ["differ in optimizer: adam; rmsprop.", "differ in compression: none; bf16.", "a (broken off)"]) {
    assertStringIncludes(lines, part);
  }
  assertEquals(lines.includes("momentum"), false);
  const since = { key: { arm: "gc", seed: 0 }, epoch: 1, step: 1, steps: 9 } as const;
  const marked = { dataset: { ...dataset, fallback: true }, taints: [{ worker: "w1", host: "", since }] };
  const one = run("b", { changes: { ...marked, plan: { ...plan, protocol: "as-published" } } });
  assertStringIncludes(
    compareReports([run("a"), one]).join("\n"),
    "b (TAINTED, PROCEDURAL DATA, ARTEFACT: as published)",
  );
});

Deno.test("compareReports() shows a run without a comparison, and one whose mean is withheld", () => {
  const lines = compareReports([run("a", { arms: ["gc"] }), run("b", { diverged: { arm: "gc", seed: 2 } })]);
  assertStringIncludes(lines.find((line) => line.startsWith("a "))!, "nothing is compared");
  assertStringIncludes(lines.find((line) => line.startsWith("b "))!, "withheld");
});

Deno.test("compareReports() refuses what is not comparable, naming what differs", () => {
  const { report } = run("");
  const others: readonly (readonly [string, Partial<Report>])[] = [
    ["data", { dataset: { ...report.dataset, sha256: "f".repeat(64) } }],
    ["--limit", { dataset: { ...report.dataset, limit: 100 } }],
    ["image size", { dataset: { ...report.dataset, imageShape: [100, 100, 3] } }],
    ["model", { model: { ...report.model, name: "tiny" } }],
    ["number of epochs", { plan: { ...report.plan, epochs: 3 } }],
    ["primary metric", { verdict: { ...report.verdict, primary: "testLoss" } }],
  ];
  for (const [what, changes] of others) {
    const error = assertThrows(
      () => compareReports([run("a"), run("b"), run("c", { changes })]),
      HerdError,
      `Runs with another ${what} cannot be compared: a has `,
    );
    assertEquals(error.code, "usage");
    assertStringIncludes(error.message, "c has ");
  }
});
