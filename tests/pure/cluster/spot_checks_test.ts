import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { chanceToBeCaught, SpotChecks } from "../../../coordinator/cluster/spot_checks.ts";
import { shuffle } from "../../fixtures/random.ts";

const KEY = { arm: "gc", seed: 0 } as const;
const at = (epoch: number, step: number, steps = 9) => ({ key: KEY, epoch, step, steps });

/** The steps of an epoch at which an answer of a worker is chosen. */
function chosenSteps(checks: SpotChecks<object>, worker: object, epoch: number, steps = 9, from = 1): number[] {
  const found: number[] = [];
  for (let step = from; step <= steps; step++) {
    const now = checks.forTraining(at(epoch, step, steps));
    if (!now.mayChoose(worker)) continue;
    if (now.choose(worker, 3).length > 0) found.push(step);
  }
  return found;
}

Deno.test("SpotChecks: one answer of every worker an epoch, at a step that is any but the last one", () => {
  const checks = new SpotChecks<object>(1e-9);
  const seen = new Set<number>();
  for (let epoch = 1; epoch <= 400; epoch++) {
    const steps = chosenSteps(checks, {}, epoch);
    assertEquals(steps.length, 1);
    seen.add(steps[0]!);
  }
  assertEquals([...seen].sort(), [1, 2, 3, 4, 5, 6, 7, 8]);
});

Deno.test("SpotChecks: whoever comes late, or has no answer at its step, is looked at later in the epoch", () => {
  const checks = new SpotChecks<object>(1e-9, () => 0.999);
  const late = {};
  assertEquals(chosenSteps(checks, late, 1, 9, 5), [8]);
  const idle = {};
  checks.forTraining(at(2, 8)).choose(idle, 0); // it had nothing to do then
  assertEquals(chosenSteps(checks, idle, 2, 9, 9), [9]);
});

Deno.test("SpotChecks: whoever connects anew all the time does not get round it", () => {
  const checks = new SpotChecks<object>(1e-9);
  for (let epoch = 1; epoch <= 200; epoch++) {
    let caught = 0;
    for (let step = 1; step <= 9; step++) {
      const now = checks.forTraining(at(epoch, step));
      caught += now.choose({}, 1).length;
    }
    assert(caught >= 1, `${caught}`);
  }
});

Deno.test("SpotChecks: a share of the steps is checked as a whole", () => {
  const checks = new SpotChecks<object>(0.25);
  const worker = {};
  let whole = 0;
  for (let epoch = 1; epoch <= 100; epoch++) {
    for (let step = 1; step <= 100; step++) {
      if (checks.forTraining(at(epoch, step, 100)).choose(worker, 4).length === 4) whole++;
    }
  }
  assertAlmostEquals(whole / 10_000, 0.25, 0.02); // over four standard deviations
});

Deno.test("SpotChecks: a test has one answer of each worker looked at; without a share nothing is", () => {
  const some = new SpotChecks<object>(1e-9).forEvaluation();
  assertEquals(some.choose({}, 5).length, 1);
  for (const none of [new SpotChecks<object>(0).forEvaluation(), new SpotChecks<object>(0).forTraining(at(1, 1))]) {
    assertEquals([none.mayChoose({}), none.choose({}, 5)], [false, []]);
  }
});

Deno.test("chanceToBeCaught() is at most what a falsifying worker meets in a simulation", () => {
  const random = shuffle(7);
  const steps = 9;
  for (const [falsified, share] of [[1, 0.01], [0.34, 0.05], [0.12, 0.2]] as const) {
    let caught = 0;
    const epochs = 4_000;
    const checks = new SpotChecks<object>(share, random);
    for (let epoch = 1; epoch <= epochs; epoch++) {
      const worker = {};
      // It falsifies all of one step in so many: the least that can be seen.
      const lies = Array.from({ length: steps }, () => random() < falsified);
      let seen = false;
      for (let step = 1; step <= steps; step++) {
        seen = checks.forTraining(at(epoch, step)).choose(worker, 1).length > 0 && lies[step - 1]! || seen;
      }
      if (seen) caught++;
    }
    const chance = chanceToBeCaught(falsified, share, steps);
    assert(caught / epochs > chance - 0.03, `${caught / epochs} for ${chance}`);
  }
  assertEquals(chanceToBeCaught(1, 0.01, 9), 1);
  assertEquals(chanceToBeCaught(0, 0.01, 9), 0);
});
