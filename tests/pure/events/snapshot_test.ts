import { assertEquals } from "@std/assert";
import {
  afterEvent,
  historyOf,
  isBitIdentical,
  NO_FAULTS,
  NOTHING_YET,
  type RunEvent,
  type RunKey,
  type Snapshot,
} from "../../../coordinator/events/mod.ts";
import { DATASET, epochEvent, epochRecord, FACTS, stepEvent, workerInfo } from "../../fixtures/events.ts";

const fold = (events: readonly RunEvent[], from: Snapshot = NOTHING_YET) => events.reduce(afterEvent, from);
const GC = { arm: "gc", seed: 0 } as const;
const BEGIN: readonly RunEvent[] = [
  { type: "dataset", ...DATASET },
  { type: "run", ...FACTS },
  { type: "worker", what: "joined", worker: workerInfo("w1") },
  { type: "worker", what: "preparing", worker: workerInfo("w1"), reason: "compiling" },
  { type: "worker", what: "ready", worker: workerInfo("w1") },
];

Deno.test("afterEvent() adds up workers, speeds, epochs, faults and the checkpoint", () => {
  const position = { key: GC, epoch: 1, step: 8, steps: 8 };
  const snapshot = fold([
    ...BEGIN,
    { type: "worker", what: "joined", worker: workerInfo("w2") }, // never becomes ready
    { type: "worker", what: "lost", worker: workerInfo("w2"), reason: "?" },
    stepEvent(GC, 1, 8, 10),
    epochEvent(GC, epochRecord(1), { weightsSha256: "1", testLogits: [1] }),
    { type: "checkpoint", position },
    { type: "fault", fault: "leavesReissued", count: 3 },
    { type: "fault", fault: "leavesReissued", count: 4 },
    epochEvent(GC, epochRecord(2), { weightsSha256: "2", testLogits: [2] }),
    { type: "worker", what: "lost", worker: workerInfo("w1", { imagesPerSecond: 12 }), reason: "!" },
  ]);
  assertEquals(snapshot.workers.map(({ worker, isHere }) => [worker.id, worker.imagesPerSecond, isHere]), [
    ["w1", 12, false],
  ]);
  assertEquals(snapshot.faults, { ...NO_FAULTS, leavesReissued: 7 });
  const last = { weightsSha256: "2", testLogits: [2], diverged: null };
  assertEquals(snapshot.trainings, [{ key: GC, epochs: [epochRecord(1), epochRecord(2)], ...last }]);
  assertEquals(snapshot.position, position);
  assertEquals(snapshot.checkpoint, position);
  assertEquals(snapshot.traffic, { up: 8, down: 8 });
});

Deno.test("afterEvent() keeps a training that has diverged with what it had, and one that had nothing yet", () => {
  const at = (key: RunKey) => ({ key, epoch: 2, step: 3, steps: 8 });
  const NO_GC = { arm: "no-gc", seed: 0, learningRate: 3e-4 } as const;
  const { trainings } = fold([
    ...BEGIN,
    epochEvent(GC, epochRecord(1), { weightsSha256: "1", testLogits: [1] }),
    { type: "diverged", position: at(GC), text: "gc is lost" },
    { type: "diverged", position: at(NO_GC), text: "no-gc is lost" },
  ]);
  assertEquals(trainings, [
    { key: GC, epochs: [epochRecord(1)], weightsSha256: "1", testLogits: [1], diverged: "gc is lost" },
    { key: NO_GC, epochs: [], weightsSha256: "", testLogits: [], diverged: "no-gc is lost" },
  ]);
});

Deno.test("afterEvent() tells trainings of an arm and seed apart by rate and role, and keeps the last diagnostics", () => {
  const keys: RunKey[] = [GC, { ...GC, learningRate: 3e-4 }, { ...GC, role: "again" }, { ...GC, role: "published" }];
  const summary = { layers: [], centralizeMs: 1, updateMs: 2 };
  const snapshot = fold([
    ...BEGIN,
    ...[1, 2].flatMap((epoch) => keys.map((key) => epochEvent(key, epochRecord(epoch)))),
    { type: "diagnostics", summary: { ...summary, updateMs: 9 } },
    { type: "diagnostics", summary },
  ]);
  assertEquals(snapshot.trainings.map(({ key, epochs }) => [key, epochs.length]), keys.map((key) => [key, 2]));
  assertEquals([snapshot.diagnostics, fold(BEGIN).diagnostics], [summary, null]);
});

Deno.test("a resumed run's snapshot has the trainings that have diverged, with or without an epoch, and no others without", () => {
  const before = { weightsSha256: "", testLogits: [], epochs: [] };
  const trainings = [
    { key: GC, ...before, diverged: "lost" },
    { key: { arm: "no-gc", seed: 0 } as const, ...before, diverged: null },
  ];
  const resumed = { at: { key: GC, epoch: 1, step: 0, steps: 8 }, history: historyOf(fold(BEGIN)), trainings };
  assertEquals(fold([{ type: "run", ...FACTS, resumed }]).trainings, [trainings[0]!]);
});

Deno.test("afterEvent() changes no earlier snapshot", () => {
  const before = fold(BEGIN);
  const text = JSON.stringify(before);
  fold([stepEvent(GC, 1, 1, 1), { type: "fault", fault: "pauses", count: 1 }], before);
  assertEquals(JSON.stringify(before), text);
});

Deno.test("a resumed run's snapshot holds what happened in the earlier processes", () => {
  const earlier = fold([
    ...BEGIN,
    { type: "fault", fault: "workersLost", count: 1 },
    epochEvent(GC, epochRecord(1), { weightsSha256: "1", testLogits: [1] }),
  ]);
  const at = { key: GC, epoch: 2, step: 3, steps: 8 };
  const resumed = { at, history: historyOf(earlier), trainings: earlier.trainings };
  const snapshot = fold([
    { type: "dataset", ...DATASET },
    { type: "worker", what: "ready", worker: workerInfo("w2") }, // before the run is announced
    { type: "run", ...FACTS, resumed },
    { type: "fault", fault: "workersLost", count: 1 },
    epochEvent(GC, epochRecord(2), { weightsSha256: "2", testLogits: [2] }),
  ]);
  assertEquals(snapshot.workers.map(({ worker, isHere }) => [worker.id, isHere]), [["w1", false], ["w2", true]]);
  assertEquals(snapshot.faults.workersLost, 2);
  assertEquals(snapshot.trainings[0]!.epochs.length, 2);
  assertEquals(isBitIdentical(snapshot), true);
});

Deno.test("isBitIdentical() is lost by another fingerprint, an undecided dispute, compressed gradients, another Herd", () => {
  const other = workerInfo("w2", { fingerprint: "e".repeat(64) });
  const begun = fold(BEGIN);
  assertEquals(isBitIdentical(begun), true);
  assertEquals(isBitIdentical(fold([{ type: "worker", what: "ready", worker: other }], begun)), false);
  assertEquals(isBitIdentical(fold([{ type: "fault", fault: "undecidedDisputes", count: 1 }], begun)), false);
  assertEquals(isBitIdentical(fold([{ type: "fault", fault: "unreproducedAnswers", count: 1 }], begun)), true);
  assertEquals(isBitIdentical(fold([{ type: "run", ...FACTS, compressGradients: true }], begun)), false);
  const at = { key: GC, epoch: 1, step: 3, steps: 8 };
  const history = historyOf(begun);
  const resumedFrom = (changed: Partial<typeof history>): RunEvent => ({
    type: "run",
    ...FACTS,
    resumed: { at, history: { ...history, ...changed }, trainings: [] },
  });
  assertEquals(isBitIdentical(fold([resumedFrom({})])), true);
  assertEquals(isBitIdentical(fold([resumedFrom({ herd: "0.0.9" })])), false);
  assertEquals(isBitIdentical(fold([resumedFrom({ bitIdentical: false })])), false);
});

Deno.test("afterEvent() forgets, of too many workers, those that came first and are gone", () => {
  const came = (id: string): RunEvent => ({
    type: "worker",
    what: "ready",
    worker: workerInfo(id, { fingerprint: id }),
  });
  const left = (id: string): RunEvent => (
    { type: "worker", what: "lost", worker: workerInfo(id, { fingerprint: id }), reason: "" }
  );
  const passing = Array.from({ length: 1_200 }, (_, i) => [came(`r${i}`), left(`r${i}`)]).flat();
  const snapshot = fold([came("w1"), ...passing]);
  assertEquals([snapshot.workers.length, snapshot.fingerprints.length], [1_000, 100]);
  assertEquals(snapshot.workers.slice(0, 2).map(({ worker, isHere }) => [worker.id, isHere]), [["w1", true], [
    "r201",
    false,
  ]]);
  assertEquals(isBitIdentical(snapshot), false);
});
