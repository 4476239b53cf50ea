import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { chanceToBeCaught, SpotChecks } from "../../../coordinator/cluster/spot_checks.ts";
import { randomOf } from "../../fixtures/random.ts";

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

Deno.test("SpotChecks: one answer of every worker an epoch, at any step", () => {
  const checks = new SpotChecks<object>(1e-9);
  const seen = new Set<number>();
  for (let epoch = 1; epoch <= 400; epoch++) {
    const steps = chosenSteps(checks, {}, epoch);
    assertEquals(steps.length, 1);
    seen.add(steps[0]!);
  }
  assertEquals([...seen].sort(), [1, 2, 3, 4, 5, 6, 7, 8, 9]);
});

Deno.test("SpotChecks: whoever comes late, or has no answer at its step, is looked at later", () => {
  const checks = new SpotChecks<object>(1e-9, () => 0.999);
  const late = {};
  assertEquals(chosenSteps(checks, late, 1, 9, 5), [9]);
  const idle = {};
  checks.forTraining(at(2, 9)).choose(idle, 0); // it had nothing to do then
  assertEquals(chosenSteps(checks, idle, 3), [1]);
});

Deno.test("SpotChecks: where a step is computed again, whoever was chosen is chosen again", () => {
  const step = new SpotChecks<object>(1e-9, () => 0.5).forTraining(at(1, 9));
  const worker = {};
  assertEquals(step.choose(worker, 3), [1]);
  assertEquals([step.mayChoose(worker), step.choose(worker, 2)], [true, [1]]);
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

/** How often a worker that falsifies whole steps is found out in so many epochs; `lies` is told what it can notice. */
function caughtIn(
  epochs: number,
  { share, steps, lies }: {
    readonly share: number;
    readonly steps: number;
    lies(step: number, wasLookedAt: boolean, lied: number): boolean;
  },
): number {
  const checks = new SpotChecks<object>(share, randomOf(7));
  let caught = 0;
  for (let epoch = 1; epoch <= epochs; epoch++) {
    const worker = {};
    let [isCaught, wasLookedAt, lied] = [false, false, 0];
    for (let step = 1; step <= steps; step++) {
      const isLie = lies(step, wasLookedAt, lied);
      if (isLie) lied++;
      const isSeen = checks.forTraining(at(epoch, step, steps)).choose(worker, 1).length > 0;
      isCaught ||= isSeen && isLie;
      wasLookedAt ||= isSeen;
    }
    if (isCaught) caught++;
  }
  return caught / epochs;
}

Deno.test("chanceToBeCaught() is no more than what falsifying workers meet in a simulation", () => {
  const random = randomOf(8);
  for (const [falsified, share] of [[1, 0.01], [1 / 3, 0.05], [1 / 9, 0.2]] as const) {
    const { atRandom, onPurpose } = chanceToBeCaught(falsified, share, 9);
    const some = caughtIn(4_000, { share, steps: 9, lies: () => random() < falsified });
    assert(some > atRandom - 0.03, `${some} for ${atRandom}`);
    // The worst that it can do: to wait until its one answer has been looked at, if there is time left for its lies.
    const wanted = Math.round(9 * falsified);
    const lies = (step: number, wasLookedAt: boolean, lied: number) =>
      lied < wanted && (wasLookedAt || 9 - step < wanted - lied);
    const clever = caughtIn(4_000, { share, steps: 9, lies });
    assert(clever > onPurpose - 0.03, `${clever} for ${onPurpose}`);
  }
  assertEquals(chanceToBeCaught(1, 0.01, 9), { onPurpose: 1, atRandom: 1 });
  assertEquals(chanceToBeCaught(0, 0.01, 9), { onPurpose: 0, atRandom: 0 });
});
