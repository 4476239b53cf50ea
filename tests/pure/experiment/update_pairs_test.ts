import { assert, assertEquals } from "@std/assert";
import type { ArmName, Position, RunKey } from "../../../coordinator/events/mod.ts";
import { COMPARED_STEPS, isCompared, UpdatePairs } from "../../../coordinator/experiment/update_pairs.ts";
import { tableOf } from "../../fixtures/parameters.ts";

const TABLE = tableOf([2, 1], [1]);
const ARMS: ArmName[] = ["no-gc", "gc", "gc-update"];

/** What two updates that point along an axis each have for a cosine. */
const UPDATES: Readonly<Record<ArmName, Float32Array>> = {
  "no-gc": Float32Array.of(1, 0, 5),
  gc: Float32Array.of(-2, 0, 5),
  "gc-update": Float32Array.of(0, 3, 5),
};

function at(arm: ArmName, changes: Partial<Position & RunKey> = {}): Position {
  const { epoch = 1, step = 1, steps = 3, seed = 5, learningRate, role } = changes;
  const varied = { ...(learningRate === undefined ? {} : { learningRate }), ...(role === undefined ? {} : { role }) };
  return { key: { arm, seed, ...varied }, epoch, step, steps };
}

/** What becomes known when arms come in this order: "gc -1" for example. */
function known(pairs: UpdatePairs, arms: readonly ArmName[], changes: Parameters<typeof at>[1] = {}): string[] {
  return arms.map((arm) =>
    pairs.add(at(arm, changes), UPDATES[arm]).map(({ arm, cosines }) => `${arm} ${cosines.join()}`).join("; ")
  );
}

Deno.test("an arm is compared when it comes after the baseline, and when the baseline comes after it", () => {
  const pairs = new UpdatePairs(ARMS, TABLE);
  assertEquals(known(pairs, ["no-gc", "gc", "gc-update"]), ["", "gc -1", "gc-update 0"]);
  assertEquals(pairs.kept, 0);
  assertEquals(known(pairs, ["gc-update", "gc", "no-gc"]), ["", "", "gc-update 0; gc -1"]);
  assertEquals(pairs.kept, 0);
  assertEquals(known(pairs, ["gc", "no-gc"]), ["", "gc -1"]);
  assertEquals(pairs.kept, 1, "the baseline's alone, for the arm that is to come");
  assertEquals(known(pairs, ["gc-update"]), ["gc-update 0"]);
  assertEquals(pairs.kept, 0);
});

Deno.test("a kept update is a copy: its array may be used again", () => {
  const pairs = new UpdatePairs(["no-gc", "gc"], TABLE);
  const update = UPDATES["no-gc"].slice();
  pairs.add(at("no-gc"), update);
  update.fill(0);
  assertEquals(pairs.add(at("gc"), UPDATES.gc), [{ arm: "gc", cosines: [-1] }]);
});

Deno.test("only the same step of the same epoch, seed and rate is compared", () => {
  const others = [{ step: 2 }, { epoch: 2 }, { seed: 6 }, { learningRate: 3e-4 }];
  for (const other of others) {
    const pairs = new UpdatePairs(["no-gc", "gc"], TABLE);
    assertEquals(known(pairs, ["no-gc"]), [""]);
    assertEquals(known(pairs, ["gc"], other), [""]);
  }
  const pairs = new UpdatePairs(["no-gc", "gc"], TABLE);
  known(pairs, ["no-gc"]);
  known(pairs, ["no-gc"], { learningRate: 3e-4 });
  assertEquals(known(pairs, ["gc"]), ["gc -1"]);
  assertEquals(known(pairs, ["gc"], { learningRate: 3e-4 }), ["gc -1"]);
});

Deno.test("controls are not compared, and a lone arm is not kept", () => {
  const pairs = new UpdatePairs(["no-gc", "gc"], TABLE);
  assertEquals(known(pairs, ["no-gc", "gc"], { role: "again" }), ["", ""]);
  assertEquals(pairs.kept, 0);
  const lone = new UpdatePairs(["gc"], TABLE);
  assertEquals(known(lone, ["gc"]), [""]);
  assertEquals(lone.kept, 0);
});

Deno.test("after a break in the middle of an epoch, steps are compared that both arms do after it", () => {
  const pairs = new UpdatePairs(["no-gc", "gc"], TABLE); // gc has done step 1 before the break
  known(pairs, ["gc"], { step: 2 });
  assertEquals(known(pairs, ["no-gc"], { step: 1 }), [""]);
  assertEquals(known(pairs, ["no-gc"], { step: 2 }), ["gc -1"]);
});

Deno.test("what is kept is bounded: 16 steps of the epoch under way, whatever has ended alone", () => {
  const pairs = new UpdatePairs(ARMS, TABLE);
  const steps = 1000;
  for (let epoch = 1; epoch <= 3; epoch++) {
    for (const arm of ["gc", "gc-update"] as const) {
      for (let step = 1; step <= steps; step++) pairs.add(at(arm, { epoch, step, steps }), UPDATES[arm]);
    }
    assertEquals(pairs.kept, 2 * COMPARED_STEPS);
  }
  known(pairs, ["gc"], { seed: 6 });
  assertEquals(pairs.kept, 1);
});

Deno.test("the compared steps are evenly spread, the last among them, and all of a short epoch", () => {
  for (const steps of [1, 9, 16, 17, 31, 32, 100, 1000]) {
    const compared = Array.from({ length: steps }, (_, i) => i + 1).filter((step) => isCompared(step, steps));
    assertEquals(compared.length, Math.min(steps, COMPARED_STEPS));
    assertEquals(compared.at(-1), steps);
    const gaps = compared.map((step, i) => step - (compared[i - 1] ?? 0));
    assert(Math.max(...gaps) - Math.min(...gaps) <= 1, `${steps} steps: ${gaps}`);
  }
});
