import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { ARM_NAMES, describePosition, isSameRun, runName } from "../../../coordinator/events/mod.ts";
import { positionOf, standOf } from "../../../coordinator/experiment/position.ts";
import { beginTraining, type Training } from "../../../coordinator/experiment/training.ts";
import { nextTurn, turns } from "../../../coordinator/experiment/turns.ts";
import { smallConfig, smallExperiment } from "../../fixtures/experiment.ts";

const RECORD = {
  epoch: 1,
  loss: 0,
  accuracy: 0,
  testLoss: 0,
  testAccuracy: 0,
  seconds: 1,
  testSeconds: 0,
  imagesPerSecond: 1,
  bytesUp: 0,
  bytesDown: 0,
};

/** A training that has finished so many epochs, and steps of the next. */
function training(name: string, epochs: number, steps = 0): Training {
  const arm = ARM_NAMES.find((arm) => name.startsWith(`${arm}-`) && /^\d+$/.test(name.slice(arm.length + 1)))!;
  const key = { arm, seed: Number(name.slice(arm.length + 1)) };
  const begun = beginTraining(key, smallConfig(), new Float32Array());
  return { ...begun, epochs: Array(epochs).fill(RECORD), current: { ...begun.current, steps } };
}

Deno.test("turns(): seeds one after another, arms in turns by epoch, their order reversed each time", () => {
  const experiment = { arms: ARM_NAMES, seeds: [3, 4], epochs: 3 };
  const of = (wanted: number) =>
    turns(experiment).filter(({ key: { seed } }) => seed === wanted).map(({ key, epoch }) => `${key.arm} ${epoch}`)
      .toArray();
  const order = ["no-gc 1", "gc 1", "gc-update 1", "gc-update 2", "gc 2", "no-gc 2", "no-gc 3", "gc 3", "gc-update 3"];
  assertEquals([of(3), of(4)], [order, order]);
  assertEquals(turns(experiment).map(({ key: { seed } }) => seed).toArray(), [
    ...Array(9).fill(3),
    ...Array(9).fill(4),
  ]);
});

Deno.test("nextTurn() goes on with the first turn that is not over, wherever each training stands, until none is left", () => {
  const experiment = smallExperiment({ seeds: [1, 2], epochs: 3 });
  const next = (...trainings: Training[]) => {
    const turn = nextTurn(experiment, trainings);
    return turn && `${runName(turn.key)} ${turn.epoch}`;
  };
  assertEquals(next(), "no-gc-1 1");
  assertEquals(next(training("no-gc-1", 0, 2)), "no-gc-1 1");
  assertEquals(next(training("no-gc-1", 1)), "gc-1 1");
  assertEquals(next(training("no-gc-1", 1), training("gc-1", 1)), "gc-1 2");
  assertEquals(next(training("no-gc-1", 1), training("gc-1", 2)), "no-gc-1 2");
  // A training that fell back to an older checkpoint catches up.
  assertEquals(next(training("no-gc-1", 3), training("gc-1", 1, 2)), "gc-1 2");
  assertEquals(next(training("no-gc-1", 3), training("gc-1", 3)), "no-gc-2 1");
  assertEquals(next(...["no-gc-1", "gc-1", "no-gc-2", "gc-2"].map((name) => training(name, 3))), undefined);
});

Deno.test("from any state whatever, the turns to come do every epoch that is missing, once", () => {
  const experiment = smallExperiment({ arms: ARM_NAMES, seeds: [1, 2], epochs: 4 });
  const names = [1, 2].flatMap((seed) => ARM_NAMES.map((arm) => runName({ arm, seed })));
  fc.assert(fc.property(fc.array(fc.nat({ max: 5 }), { minLength: 6, maxLength: 6 }), (finished) => {
    const trainings = names.map((name, i) => training(name, finished[i]!));
    for (let missing = finished.reduce((sum, epochs) => sum + Math.max(0, 4 - epochs), 0); missing > 0; missing--) {
      const turn = nextTurn(experiment, trainings)!;
      const due = trainings.find(({ key }) => isSameRun(key, turn.key))!;
      assertEquals(turn.epoch, due.epochs.length + 1);
      due.epochs = [...due.epochs, RECORD];
    }
    assertEquals(nextTurn(experiment, trainings), undefined);
  }));
});

Deno.test("positionOf() is where the experiment goes on, standOf() the last finished step of a training", () => {
  const experiment = smallExperiment();
  const of = (...trainings: Training[]) => describePosition(positionOf(experiment, trainings), experiment.seeds);
  assertEquals(of(), "arm no-gc, epoch 1, step 0 of 3");
  assertEquals(of(training("no-gc-5", 1), training("gc-5", 0, 2)), "arm gc, epoch 1, step 2 of 3");
  assertEquals(of(training("no-gc-5", 2), training("gc-5", 2)), "arm no-gc, epoch 2, step 3 of 3");
  const stand = (one: Training) => describePosition(standOf(experiment, one), experiment.seeds);
  assertEquals(stand(training("gc-5", 0)), "arm gc, epoch 1, step 0 of 3");
  assertEquals(stand(training("gc-5", 1)), "arm gc, epoch 1, step 3 of 3");
  assertEquals(stand(training("gc-5", 1, 3)), "arm gc, epoch 2, step 3 of 3");
});

Deno.test("a position names the seed where there are several", () => {
  const position = { key: { arm: "gc", seed: 2 }, epoch: 3, step: 5, steps: 9 } as const;
  assertEquals(describePosition(position, [2]), "arm gc, epoch 3, step 5 of 9");
  assertEquals(describePosition(position, [1, 2]), "arm gc, seed 2, epoch 3, step 5 of 9");
  assert(describePosition(position, [1, 2, 3]).includes("seed 2"));
});
