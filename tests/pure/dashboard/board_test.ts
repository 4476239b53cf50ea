import { assertEquals } from "@std/assert";
import { Board } from "../../../coordinator/dashboard/board.ts";
import { afterEvent, Eta, NOTHING_YET, type RunEvent } from "../../../coordinator/events/mod.ts";
import { DATASET, epochEvent, epochRecord, FACTS, stepEvent, workerInfo } from "../../fixtures/events.ts";

const NO_GC = { arm: "no-gc", seed: 0 } as const;
const GC = { arm: "gc", seed: 0 } as const;

/** A board on a clock of its own, that hears events a second apart. */
function boardOf(silences = () => ({})) {
  let now = 0;
  let snapshot = NOTHING_YET;
  const board = new Board(snapshot, silences, new Eta(() => now));
  const tell = (...events: readonly RunEvent[]) => {
    for (const event of events) {
      now += 1000;
      snapshot = afterEvent(snapshot, event);
      board.hear({ ...event, time: now }, snapshot);
    }
  };
  return { board, tell };
}

const BEGIN: readonly RunEvent[] = [
  { type: "dataset", ...DATASET },
  { type: "run", ...FACTS },
  { type: "worker", what: "ready", worker: workerInfo("w1") },
  { type: "worker", what: "ready", worker: workerInfo("w2", { host: "node7" }) },
];

Deno.test("Board: news after everything give the same as everything later", () => {
  const { board, tell } = boardOf();
  tell(...BEGIN, stepEvent(NO_GC, 1, 1, 1));
  assertEquals(board.takeNews(), undefined);
  const first = board.everything();
  assertEquals(first.run!.trainings.map(({ name, group }) => [name, group]), [
    ["no-gc-0", "rate 0.0001"],
    ["gc-0", "rate 0.0001"],
  ]);
  assertEquals([first.points!.length, first.epochs, first.run!.chance], [1, [], 0.5]);
  tell(stepEvent(NO_GC, 1, 2, 2), epochEvent(NO_GC, epochRecord(1)), stepEvent(GC, 1, 1, 1));
  tell({ type: "notice", text: "look" });
  const news = board.takeNews()!;
  assertEquals(news.points!.map(({ training, step, loss }) => [training, step, loss]), [
    ["no-gc-0", 2, 0.5],
    ["gc-0", 1, 1],
  ]);
  assertEquals(news.epochs!.map(({ training, epoch }) => [training, epoch]), [["no-gc-0", 1]]);
  assertEquals(news.log!.map(({ text, isWarning }) => [text, isWarning]), [["look", true]]);
  const later = board.everything();
  assertEquals(later.points, [...first.points!, ...news.points!]);
  assertEquals(later.epochs, news.epochs);
  assertEquals(later.log, [...first.log!, ...news.log!]);
  assertEquals(later.progress, news.progress);
  assertEquals(Object.keys(board.takeNews()!), ["workers"]);
});

Deno.test("Board: whoever comes after nobody listened is told everything, also what was told to nobody", () => {
  const { board, tell } = boardOf();
  tell(...BEGIN);
  board.takeNews();
  board.forget();
  tell(stepEvent(NO_GC, 1, 1, 1));
  assertEquals([board.takeNews(), board.everything().points!.length], [undefined, 1]);
});

Deno.test("Board: a worker's share is of the last steps, and a lost one is counted and stays", () => {
  const { board, tell } = boardOf(() => ({ w1: 3 }));
  tell(...BEGIN);
  const step = stepEvent(NO_GC, 1, 1, 1) as Extract<RunEvent, { type: "step" }>;
  tell({ ...step, work: { w1: { leaves: 1, seconds: 0.05 }, w2: { leaves: 3, seconds: 0.15 } } });
  tell({ type: "worker", what: "lost", worker: workerInfo("w2", { host: "node7" }), reason: "it is gone" });
  const [w1, w2] = board.everything().workers!;
  assertEquals([w1!.share, w1!.silentSeconds, w1!.isHere, w1!.lost], [0.25, 3, true, 0]);
  assertEquals([w2!.share, w2!.silentSeconds, w2!.isHere, w2!.lost, w2!.host], [0.75, null, false, 1, "node7"]);
  for (let i = 0; i < 20; i++) tell({ ...step, work: { w1: { leaves: 4, seconds: 0.15 } } });
  assertEquals(board.everything().workers!.map(({ share }) => share), [1, 0]);
});

Deno.test("Board: what the busiest worker computes is taken out of the waiting, as far as there was any", () => {
  const { board, tell } = boardOf();
  tell(...BEGIN);
  const step = stepEvent(NO_GC, 1, 1, 1) as Extract<RunEvent, { type: "step" }>;
  tell({ ...step, work: { w1: { leaves: 1, seconds: 9 }, w2: { leaves: 3, seconds: 0.1 } } });
  assertEquals(board.everything().parts!.compute, 0.2);
  assertEquals(board.everything().parts!.wait, 0);
});

Deno.test("Board: of long epochs every other step is left out, and the run's end is told", () => {
  const { board, tell } = boardOf();
  tell(...BEGIN);
  for (let step = 1; step <= 2_500; step++) tell({ ...stepEvent(NO_GC, 1, 1, 1), step, steps: 9_999 } as RunEvent);
  board.takeNews();
  const { points, progress } = board.everything();
  assertEquals(points!.length < 2_000, true);
  assertEquals(points!.at(-1)!.step, 2_500);
  assertEquals([progress!.step, progress!.secondsLeft! > 0], [2_500, true]);
  tell({ type: "end", complete: false, error: { code: "interrupted", message: "Interrupted" } });
  assertEquals(board.takeNews()!.end, { complete: false, message: "Interrupted" });
});

Deno.test("Board: of workers that come and go under new names for ever, the losses that are remembered are of the newest", () => {
  const { board, tell } = boardOf();
  tell(...BEGIN);
  const come = (i: number) => {
    const worker = workerInfo(`x${i}`);
    tell({ type: "worker", what: "ready", worker }, { type: "worker", what: "lost", worker, reason: "" });
  };
  for (let i = 0; i < 1_200; i++) come(i);
  come(0);
  come(1_199);
  const lost = Object.fromEntries(board.everything().workers!.map(({ id, lost }) => [id, lost]));
  assertEquals([lost["x0"], lost["x1199"], lost["x1198"]], [1, 2, 1]);
});
