import { assertEquals } from "@std/assert";
import {
  afterEvent,
  historyOf,
  isBitIdentical,
  NO_FAULTS,
  NOTHING_YET,
  type RunEvent,
  type Snapshot,
} from "../../../coordinator/events/mod.ts";
import { DATASET, epochEvent, epochRecord, FACTS, stepEvent, workerInfo } from "../../fixtures/events.ts";

const fold = (events: readonly RunEvent[], from: Snapshot = NOTHING_YET) => events.reduce(afterEvent, from);
const GC = { arm: "gc", seed: 0 } as const;
const BEGIN: readonly RunEvent[] = [
  { type: "dataset", ...DATASET },
  { type: "run", ...FACTS },
  { type: "worker", what: "joined", worker: workerInfo("w1") },
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
