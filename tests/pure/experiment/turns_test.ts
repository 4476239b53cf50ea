import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import {
  allKeys,
  ARM_NAMES,
  describePosition,
  isSameRun,
  type Protocol,
  type RunKey,
  runName,
} from "../../../coordinator/events/mod.ts";
import { positionOf, standOf } from "../../../coordinator/experiment/position.ts";
import { beginTraining, type Training } from "../../../coordinator/experiment/training.ts";
import { nextTurn, turns } from "../../../coordinator/experiment/turns.ts";
import { epochRecord } from "../../fixtures/events.ts";
import { FAIR, smallConfig, smallExperiment } from "../../fixtures/experiment.ts";

const RECORD = epochRecord(1);

/** "gc-5" as a key. */
function keyOf(name: string): RunKey {
  const arm = ARM_NAMES.find((arm) => name.startsWith(`${arm}-`) && /^\d+$/.test(name.slice(arm.length + 1)))!;
  return { arm, seed: Number(name.slice(arm.length + 1)) };
}

/** A training that has finished so many epochs, and steps of the next. */
function training(named: RunKey | string, epochs: number, steps = 0): Training {
  const key = typeof named === "string" ? keyOf(named) : named;
  const begun = beginTraining(key, smallConfig(), new Float32Array());
  return { ...begun, epochs: Array(epochs).fill(RECORD), current: { ...begun.current, steps } };
}

Deno.test("turns(): seeds one after another, arms in turns by epoch, their order reversed each time", () => {
  const experiment = { arms: ARM_NAMES, seeds: [3, 4], ...FAIR, epochs: 3 };
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

Deno.test("turns(): rates and controls take turns with the others; what goes on from the first arm's end comes after it", () => {
  const plan = { arms: ["no-gc", "gc"], seeds: [0, 1], learningRates: [1e-4, 3e-4], control: true } as const;
  const of = (protocol: Protocol, wanted: number) =>
    turns({ ...plan, protocol, epochs: 2 }).filter(({ key: { seed } }) => seed === wanted)
      .map(({ key, epoch }) => `${runName(key)} ${epoch}`).toArray();
  const together = [
    ...["no-gc-0 1", "gc-0 1", "no-gc-0-0.0003 1", "gc-0-0.0003 1", "no-gc-0-again 1", "no-gc-0-lose 1"],
    ...["no-gc-0-lose 2", "no-gc-0-again 2", "gc-0-0.0003 2", "no-gc-0-0.0003 2", "gc-0 2", "no-gc-0 2"],
  ];
  assertEquals(of("fair", 0), together);
  assertEquals(of("fair", 1), together.map((name) => name.replace("gc-0", "gc-1")));
  assertEquals(of("as-published", 0), [...together, "gc-0-published 1", "gc-0-published 2"]);
});

Deno.test("nextTurn(): a training that has diverged has no more turns, wherever it stands; the others have theirs", () => {
  const experiment = smallExperiment({ control: true });
  const diverged = { ...training("gc-5", 0, 2), diverged: "its loss is not finite" };
  const next = (...trainings: Training[]) => {
    const turn = nextTurn(experiment, trainings);
    return turn && `${runName(turn.key)} ${turn.epoch}`;
  };
  const [again, lose] = [{ arm: "no-gc", seed: 5, role: "again" }, { arm: "no-gc", seed: 5, role: "lose" }] as const;
  assertEquals(next(diverged), "no-gc-5 1");
  assertEquals(next(training("no-gc-5", 1), diverged), "no-gc-5-again 1");
  const all = [training("no-gc-5", 2), diverged, training(again, 2), training(lose, 2)];
  assertEquals(next(...all), undefined);
  assertEquals(next(...all.map((one) => ({ ...one, diverged: "" }))), undefined);
});

Deno.test("from any state whatever, the turns to come do every epoch that is missing, once", () => {
  const experiment = smallExperiment({ seeds: [1, 2], learningRates: [1e-2, 1e-3], control: true, epochs: 4 });
  const keys = allKeys(experiment);
  const states = fc.array(fc.record({ finished: fc.nat({ max: 5 }), isDiverged: fc.nat({ max: 5 }) }), {
    minLength: keys.length,
    maxLength: keys.length,
  });
  fc.assert(fc.property(states, (states) => {
    const trainings = keys.map((key, i) => {
      const one = training(key, states[i]!.finished);
      return states[i]!.isDiverged === 0 ? { ...one, diverged: "!" } : one;
    });
    const missingOf = ({ epochs, diverged }: Training) => diverged === undefined ? Math.max(0, 4 - epochs.length) : 0;
    for (let missing = trainings.reduce((sum, one) => sum + missingOf(one), 0); missing > 0; missing--) {
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
  const of = (more: Partial<RunKey>) => describePosition({ ...position, key: { ...position.key, ...more } }, [1, 2]);
  assertEquals(of({ learningRate: 3e-4 }), "arm gc, rate 0.0003, seed 2, epoch 3, step 5 of 9");
  assertEquals(of({ role: "again" }), "arm gc, another random stream, seed 2, epoch 3, step 5 of 9");
  assertEquals(of({ role: "lose" }), "arm gc, learns nothing, seed 2, epoch 3, step 5 of 9");
});
