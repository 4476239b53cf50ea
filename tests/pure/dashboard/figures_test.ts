import { assertEquals } from "@std/assert";
import type { EpochTold, RunTold } from "../../../coordinator/dashboard/message.ts";
import {
  afterNews,
  ago,
  epochCurves,
  groupsOf,
  NOTHING,
  pairsOf,
  someOf,
  stepCurves,
} from "../../../coordinator/dashboard/page/figures.ts";

const training = (arm: string, seed: number, group = "rate 0.1") => {
  const name = `${arm}-${seed}${group === "rate 0.1" ? "" : `-${group}`}`;
  return { name, label: name, arm, seed, group };
};
const RUN: RunTold = {
  herd: "1",
  folder: "runs/a",
  command: "deno task train",
  model: "tiny",
  dataset: "drawn",
  arms: ["no-gc", "gc"],
  epochs: 3,
  trainings: [training("no-gc", 0), training("gc", 0), training("no-gc", 1), training("gc", 1), training("gc", 0, "x")],
  chance: 0.5,
  isAucMacro: false,
  fallback: false,
};
const epoch = (training: string, epoch: number, testAuc: number): EpochTold => {
  return { training, epoch, loss: 1, accuracy: 0.5, testLoss: 1, testAccuracy: 0.5, testAuc };
};
const STORY = afterNews({ ...NOTHING, run: RUN }, {
  epochs: [epoch("no-gc-0", 1, 0.5), epoch("gc-0", 1, 0.6), epoch("no-gc-0", 2, 0.7), epoch("no-gc-1", 1, 0.9)],
});

Deno.test("epochCurves() has a curve of each training and the mean of those that are so far", () => {
  const { places, curves, counts } = epochCurves(STORY, "testAuc", "rate 0.1");
  assertEquals(places, [1, 2]);
  assertEquals(curves.map(({ arm, of, values }) => [arm, of, ...values]), [
    ["no-gc", "no-gc-0", 0.5, 0.7],
    ["gc", "gc-0", 0.6, null],
    ["no-gc", "no-gc-1", 0.9, null],
    ["no-gc", "mean", 0.7, 0.7],
    ["gc", "mean", 0.6, null],
  ]);
  assertEquals(counts, { "no-gc": [2, 1], gc: [1, 0] });
  assertEquals(epochCurves(STORY, "loss", "x"), { places: [], curves: [], counts: {} });
  assertEquals(groupsOf(RUN), ["rate 0.1", "x"]);
});

Deno.test("pairsOf() sets trainings beside each other at the last epoch that both have", () => {
  const pairs = pairsOf(STORY, "rate 0.1");
  assertEquals(pairs.map(({ seed, arm, epoch, first, second }) => [seed, arm, epoch, first.testAuc, second.testAuc]), [
    [0, "gc", 1, 0.5, 0.6],
  ]);
});

Deno.test("a mean ends where a training has diverged, and its pair says so", () => {
  const story = afterNews(STORY, { diverged: [{ training: "no-gc-1", text: "it is lost" }] });
  const mean = epochCurves(story, "testAuc", "rate 0.1").curves.find(({ arm, of }) =>
    arm === "no-gc" && of === "mean"
  )!;
  assertEquals(mean.values, [0.7, null]);
  const both = afterNews(story, { epochs: [epoch("gc-1", 1, 0.4)] });
  assertEquals(pairsOf(both, "rate 0.1").map(({ seed, diverged }) => [seed, diverged]), [[0, []], [1, ["no-gc"]]]);
});

Deno.test("stepCurves() shows the newest epoch of the trainings that belong to the one under way", () => {
  const point = (training: string, epoch: number, step: number) => ({ training, epoch, step, loss: step });
  const progress = { training: "gc-0", epoch: 2, step: 1, steps: 2, loss: 1, accuracy: 1, imagesPerSecond: 1, done: 0 };
  const before = afterNews(STORY, { points: [point("gc-0", 1, 1), point("gc-0", 1, 2), point("no-gc-1", 1, 1)] });
  const after = afterNews(before, {
    progress: { ...progress, secondsLeft: null },
    points: [point("no-gc-0", 2, 1), point("no-gc-0", 2, 2), point("gc-0", 2, 1)],
  });
  const { places, curves } = stepCurves(after);
  assertEquals(places, [1, 2]);
  assertEquals(curves.map(({ arm, of, values }) => [arm, of, ...values]), [
    ["no-gc", "mean", 1, 2],
    ["gc", "mean", 1, null],
  ]);
});

Deno.test("someOf() takes the last place and others evenly; ago() is for people", () => {
  assertEquals(someOf([1, 2, 3], 5), [0, 1, 2]);
  assertEquals(someOf(Array.from({ length: 10 }, (_, i) => i), 4), [0, 3, 6, 9]);
  assertEquals(someOf([], 4), []);
  assertEquals([0.4, 3.2, 119, 600].map(ago), ["now", "3 s ago", "119 s ago", "10 min ago"]);
});
