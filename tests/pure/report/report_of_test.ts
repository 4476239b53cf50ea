import { assert, assertEquals, assertThrows } from "@std/assert";
import { NOTHING_YET, type RunEvent, type RunFacts, type RunKey } from "../../../coordinator/events/mod.ts";
import { afterEvent } from "../../../coordinator/events/mod.ts";
import { parseReport } from "../../../coordinator/report/parse_report.ts";
import { reportOf } from "../../../coordinator/report/report_of.ts";
import { DATASET, epochEvent, epochRecord, FACTS, workerInfo } from "../../fixtures/events.ts";
import { toldEvents, toldReport, toldSnapshot } from "../../fixtures/told_run.ts";

const FULL: Partial<RunFacts> = {
  seeds: [3, 4],
  declared: { seeds: 2, epochs: 4 },
  arms: ["no-gc", "gc"],
  learningRates: [1e-4, 3e-4],
  control: true,
  initialWeightsSha256: { 3: "33", 4: "44" },
};
const names = ({ arm, seed, learningRate, role }: { arm: string; seed: number; learningRate: number; role: unknown }) =>
  [arm, seed, learningRate, role ?? ""].join(" ").trim();

Deno.test("reportOf() has a training for each key that has begun, in the order of the plan, whatever came first", () => {
  const events = toldEvents(FULL, () => ({ epochs: [{}] }));
  const [dataset, run, ...told] = events;
  const made = reportOf([dataset!, run!, ...told.toReversed()].reduce(afterEvent, NOTHING_YET), true);
  assertEquals(
    made.arms.map(names),
    [3, 4].flatMap((seed) => [
      `no-gc ${seed} 0.0001`,
      `gc ${seed} 0.0001`,
      `no-gc ${seed} 0.0003`,
      `gc ${seed} 0.0003`,
      `no-gc ${seed} 0.0001 again`,
      `no-gc ${seed} 0 lose`,
    ]),
  );
  const some = toldReport(FULL, ({ seed }) => seed === 3 ? { epochs: [{}] } : undefined);
  assertEquals(some.arms.map(({ seed }) => seed), Array(6).fill(3));
});

Deno.test("reportOf() says what a training began with: its seed's weights, or those that the first arm ended with", () => {
  const first = (plan: Partial<RunFacts>, name: (key: RunKey) => boolean) => {
    const events: RunEvent[] = [
      { type: "dataset", ...DATASET },
      { type: "run", ...FACTS, ...plan },
      epochEvent({ arm: "no-gc", seed: 3 }, epochRecord(1), { weightsSha256: "the end of no-gc" }),
      epochEvent({ arm: "gc", seed: 3 }, epochRecord(1), { weightsSha256: "the end of gc" }),
      epochEvent({ arm: "gc", seed: 3, role: "published" }, epochRecord(1), { weightsSha256: "published" }),
    ];
    const { arms } = reportOf(events.reduce(afterEvent, NOTHING_YET), true);
    return arms.find(({ arm, seed, role }) => name({ arm, seed, ...(role === null ? {} : { role }) }))!;
  };
  const plan = { ...FULL, seeds: [3], learningRates: [1e-4], control: false, protocol: "as-published" } as const;
  assertEquals(first(plan, ({ arm, role }) => arm === "gc" && role === undefined).initialWeightsSha256, "33");
  assertEquals(first(plan, ({ role }) => role === "published").initialWeightsSha256, "the end of no-gc");
  assertEquals(first(plan, ({ role }) => role === "published").weightsSha256, "published");
});

Deno.test("reportOf() tells the plan as it was declared and as it is, the command, versions, and the format", () => {
  const made = toldReport({ ...FULL, epochs: 5 }, () => ({ epochs: [{}] }));
  const { seeds, declaredSeeds, epochs, declaredEpochs, learningRates, control, protocol } = made.plan;
  assertEquals([made.formatVersion, seeds, declaredSeeds, epochs, declaredEpochs], [2, [3, 4], 2, 5, 4]);
  assertEquals([learningRates, control, protocol], [[1e-4, 3e-4], true, "fair"]);
  const { optimizer, momentum, nesterov, gcScope, gcScale, initWeights, batchSize, microBatch } = made.plan;
  assertEquals([optimizer, momentum, nesterov, gcScope, gcScale], ["rmsprop", 0, false, "all", 1]);
  assertEquals([initWeights, batchSize, microBatch], [null, 8, 2]);
  assertEquals(made.provenance, { command: "deno task train", herd: "0.1.0", deno: "2.9.6" });
});

Deno.test("reportOf() names the best epoch by what is primary, and sums the seconds if all are known", () => {
  const of = (changes: Partial<RunFacts>, seconds: readonly (number | null)[] = [10, 11, 12]) => {
    const epochs = [[0.7, 0.4], [0.9, 0.6], [0.8, 0.5]].map(([testAuc, testLoss], i) => {
      return { testAuc: testAuc!, testLoss: testLoss!, seconds: seconds[i]! };
    });
    const { arms: [arm] } = toldReport(changes, () => ({ epochs }));
    return [arm!.bestEpoch, arm!.trainSeconds];
  };
  assertEquals(of({}), [2, 33]);
  assertEquals(of({ primary: "testLoss" }), [1, 33]);
  assertEquals(of({}, [10, null, 12]), [2, null]);
});

Deno.test("reportOf() has workers in order, the first one's engine, the images that were used, and what --diagnostics saw", () => {
  const layer = {
    arm: "gc",
    learningRate: 1e-4,
    kernel: "conv1.kernel",
    gradientNorm: 1,
    removedShare: 0.5,
    weightNorm: 2,
    kernelMean: 0,
    updateNorm: 3,
    updateCosine: 0.9,
  } as const;
  const summary = { layers: [layer], centralizeMs: 1, updateMs: 2 };
  const more: RunEvent[] = [
    { type: "worker", what: "ready", worker: workerInfo("w10") },
    { type: "worker", what: "ready", worker: workerInfo("w9", { host: "far" }) },
    { type: "diagnostics", summary },
  ];
  const told = [...toldEvents({}, () => ({ epochs: [{}] })), ...more];
  const made = reportOf(told.reduce(afterEvent, NOTHING_YET), false);
  assertEquals(made.workers.map(({ id, host }) => [id, host]), [["w9", "far"], ["w10", ""]]);
  assertEquals([made.complete, made.bitIdentical, made.engine.name], [false, true, "simd"]);
  assertEquals([made.dataset.train, made.dataset.test, made.dataset.skipped], [64, 8, DATASET.info.skipped]);
  assertEquals(made.diagnostics, summary);
  assertEquals(toldReport({}, () => ({ epochs: [{}] })).diagnostics, null);
  assertThrows(() => reportOf(NOTHING_YET, true), RangeError, "has not begun");
});

Deno.test("a report travels as JSON and comes back as it was, also with what is withheld, unknown or has no epoch", () => {
  const reports = [
    toldReport(FULL, () => ({ epochs: [{}] })),
    toldReport(FULL, ({ arm }) => arm === "gc" ? { epochs: [], diverged: "It is lost" } : { epochs: [{}, {}] }),
    toldReport({ protocol: "as-published" }, () => ({ epochs: [{ testAuc: null, seconds: null }] })),
    toldReport({}, () => undefined, { complete: false }),
  ];
  for (const report of reports) assertEquals(parseReport(JSON.stringify(report), "here"), report);
  assert(reports[1]!.comparison.some(({ withheld }) => withheld !== null));
});

Deno.test("what wrong answers are in confirms nothing, whatever the figures say", () => {
  const seeds = [0, 1, 2, 3, 4, 5];
  const plan = { seeds, epochs: 1, declared: { seeds: 6, epochs: 1 } };
  const told = toldSnapshot(
    plan,
    ({ arm, seed }) => ({ epochs: [{ testAuc: 0.7 + seed / 100 + (arm === "gc" ? 0.05 : 0) }] }),
  );
  assertEquals(reportOf(told, true).verdict.confirmatory, true);
  const since = { key: { arm: "gc", seed: 0 } as const, epoch: 1, step: 1, steps: 8 };
  const { verdict, comparison } = reportOf({ ...told, taints: [{ worker: "w1", host: "", since }] }, true);
  assertEquals([verdict.confirmatory, verdict.exploratoryBecause, comparison[0]!.kind], [
    false,
    "tainted",
    "exploratory",
  ]);
});
