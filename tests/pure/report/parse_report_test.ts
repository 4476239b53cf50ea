import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { NO_FAULTS } from "../../../coordinator/events/mod.ts";
import { parseReport } from "../../../coordinator/report/parse_report.ts";
import type { Report } from "../../../coordinator/report/report.ts";
import { HerdError } from "../../../shared/errors.ts";
import { exampleReport } from "../../fixtures/reports.ts";

const SINCE = { key: { arm: "gc", seed: 0, learningRate: 3e-4, role: "again" }, epoch: 2, step: 1, steps: 9 } as const;

/** One with something in each of its places. */
function whole(): Report {
  const report = exampleReport({
    seeds: 2,
    epochs: 2,
    arms: ["no-gc", "gc"],
    rates: [1e-4, 3e-4],
    control: true,
    diagnostics: true,
    published: true,
    diverged: { arm: "gc", seed: 1 },
  });
  return { ...report, taints: [{ worker: "w1", host: "", since: SINCE }] };
}

/** A report as the first version of the format had it. */
function firstReport(seeds = [0]) {
  const epoch = (number: number, testLoss: number) => {
    const figures = { loss: 0.5, accuracy: 0.75, testLoss, testAccuracy: 0.8, imagesPerSecond: 100 };
    return { epoch: number, ...figures, seconds: 10, testSeconds: 1, bytesUp: 1, bytesDown: 1 };
  };
  const arm = (name: string, seed: number, ...losses: number[]) => ({
    arm: name,
    seed,
    weightsSha256: "a".repeat(64),
    initialWeightsSha256: "b".repeat(64),
    trainSeconds: null as number | null,
    epochs: losses.map((loss, i) => epoch(i + 1, loss)),
  });
  const { dataset, model, engine, workers } = whole();
  return {
    complete: true,
    dataset,
    model,
    engine,
    bitIdentical: true,
    workers,
    arms: seeds.flatMap((seed) => [arm("no-gc", seed, 0.7, 0.6), arm("gc", seed, 0.65, 0.5)]),
    comparison: [{
      metric: "testLoss",
      baseline: "no-gc",
      arm: "gc",
      pairs: seeds.length,
      meanDifference: -0.1,
      ci95: null,
      verdict: "gc is ahead in this one pair; a single pair cannot tell it from chance",
    }],
  };
}

Deno.test("a report whose engines have other names by now still opens, and says what they were called then", () => {
  const { engine, workers, ...rest } = whole();
  const old = {
    ...rest,
    engine: { ...engine, name: "cpu" },
    workers: workers.map((one) => ({ ...one, engine: "cpu" })),
  };
  const report = parseReport(JSON.stringify(old), "runs/a");
  assertEquals([report.engine.name, report.workers[0]!.engine], ["cpu", "cpu"]);
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

Deno.test("parseReport() reads a report of today back as it was", () => {
  assertEquals(parseReport(JSON.stringify(whole()), "x"), whole());
});

Deno.test("parseReport() reads a first report: what it does not know is null, empty or a rate of 0", () => {
  const report = parseReport(JSON.stringify(firstReport()), "x");
  assertEquals([report.formatVersion, report.compress, report.faults, report.taints], [1, "none", NO_FAULTS, []]);
  assertEquals([report.verification.share, report.diagnostics, report.provenance.command], [0, null, ""]);
  const { plan, arms: [arm], pairs: [pair], comparison: [one], verdict } = report;
  assertEquals([plan.arms, plan.seeds, plan.declaredSeeds, plan.epochs], [["no-gc", "gc"], [0], 1, 2]);
  assertEquals([plan.learningRates, plan.optimizer, plan.control], [[0], "", false]);
  assertEquals([arm!.learningRate, arm!.role, arm!.bestEpoch, arm!.diverged], [0, null, null, null]);
  assertEquals([arm!.epochs[0]!.testAuc, arm!.epochs[0]!.testMeanProbability], [null, null]);
  assertEquals(pair!.values, {
    testAuc: [null, null],
    testLoss: [0.6, 0.5],
    testAccuracy: [0.8, 0.8],
    loss: [0.5, 0.5],
    accuracy: [0.75, 0.75],
    seconds: [null, null],
  });
  assertEquals([one!.kind, one!.wins, one!.losses, one!.ties, one!.signP], ["exploratory", 1, 0, 0, null]);
  assertEquals([verdict.outcome, verdict.primary, verdict.confirmatory], ["too few pairs", "testLoss", false]);
  assertEquals(parseReport(JSON.stringify(report), "x"), report, "it can be written and read again");
});

Deno.test("parseReport() judges a report of the first version by its pairs alone", () => {
  const outcome = (seeds: number[]) => {
    const { verdict } = parseReport(JSON.stringify(firstReport(seeds)), "x");
    return [verdict.outcome, verdict.sentence.split(":")[0]];
  };
  assertEquals(outcome([]), ["not compared", "nothing is compared"]);
  assertEquals(outcome([0, 1, 2, 3, 4]), ["too few pairs", "too few pairs"]);
  assertEquals(outcome([0, 1, 2, 3, 4, 5]), ["not compared", "not judged"]);
});

Deno.test("parseReport() pairs trainings of a seed that have come equally far, and no others", () => {
  const first = firstReport([0, 1]);
  const [, , , late] = first.arms;
  const arms = [...first.arms.slice(0, 3), { ...late!, epochs: late!.epochs.slice(0, 1) }, { ...late!, seed: 7 }];
  const { pairs } = parseReport(JSON.stringify({ ...first, arms }), "x");
  assertEquals(pairs.map(({ seed, arm, baseline }) => [seed, arm, baseline]), [[0, "gc", "no-gc"]]);
});

Deno.test("parseReport() refuses a report of a newer version in one sentence", () => {
  for (const formatVersion of [3, 17]) {
    const text = JSON.stringify({ formatVersion, all: "is different" });
    const error = assertThrows(() => parseReport(text, "a/report.json"), HerdError);
    assertEquals(error.code, "data");
    assertStringIncludes(error.message, `a/report.json is of format version ${formatVersion}, and this Herd knows 2: `);
  }
});

Deno.test("parseReport() refuses what is no report, saying where", () => {
  for (
    const text of ["", "{}", "[]", "null", "1", '{"formatVersion":"2"}', '{"formatVersion":0}', '{"formatVersion":1.5}']
  ) {
    const error = assertThrows(
      () => parseReport(text, "report.json"),
      HerdError,
      "report.json is not a report of a run (",
    );
    assertEquals(error.code, "data");
  }
  const { arms: [arm], ...rest } = whole();
  const broken = { ...rest, arms: [{ ...arm!, epochs: [{ ...arm!.epochs[0], testLoss: null }] }] };
  assertThrows(() => parseReport(JSON.stringify(broken), "r.json"), HerdError, "(arms.0.epochs.0.testLoss: ");
  const endless = JSON.stringify(whole()).replace(/"loss":[\d.]+/, '"loss":1e999');
  assertThrows(() => parseReport(endless, "r.json"), HerdError, "loss: ");
});

Deno.test("a damaged report is read or refused as data, and never a bug", () => {
  let refused = 0;
  const reports = [
    exampleReport({ seeds: 1, epochs: 1, arms: ["no-gc", "gc"], diagnostics: true }),
    firstReport(),
  ];
  for (const report of reports) {
    for (const wrong of [null, "x", -1, [], { a: 1 }, true]) {
      for (const changed of withAnywhere(report, wrong)) {
        try {
          parseReport(JSON.stringify(changed), "report.json");
        } catch (error) {
          assert(error instanceof HerdError && error.code === "data", `${error}`);
          refused++;
        }
      }
    }
  }
  assert(refused > 1000, `${refused}`);
});
