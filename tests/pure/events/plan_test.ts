import { assertEquals } from "@std/assert";
import fc from "fast-check";
import {
  allKeys,
  ARM_NAMES,
  isSameRun,
  keysOf,
  PROTOCOLS,
  type RunKey,
  runName,
  type RunPlan,
} from "../../../coordinator/events/mod.ts";
import { checkpointName, isCheckpointOf, numberOf } from "../../../coordinator/storage/checkpoint_names.ts";

const PLAN: RunPlan = {
  arms: ["no-gc", "gc", "gc-update"],
  seeds: [4, 5],
  learningRates: [1e-4],
  control: false,
  protocol: "fair",
};
const names = (changes: Partial<RunPlan> = {}) => keysOf({ ...PLAN, ...changes }, 4).map(runName);

Deno.test("keysOf(): the arms at each rate, the default one without its name, then the controls, then what goes on", () => {
  assertEquals(names(), ["no-gc-4", "gc-4", "gc-update-4"]);
  assertEquals(names({ arms: ["gc", "no-gc"], learningRates: [1e-4, 3e-5] }), [
    ...["gc-4", "no-gc-4"],
    ...["gc-4-0.00003", "no-gc-4-0.00003"],
  ]);
  assertEquals(names({ arms: ["gc", "no-gc"], control: true }), ["gc-4", "no-gc-4", "gc-4-again", "gc-4-lose"]);
  assertEquals(names({ arms: ["no-gc", "gc"], protocol: "as-published" }), ["no-gc-4", "gc-4", "gc-4-published"]);
});

Deno.test("allKeys(): seed after seed", () => {
  assertEquals(allKeys(PLAN).map(runName), ["no-gc-4", "gc-4", "gc-update-4", "no-gc-5", "gc-5", "gc-update-5"]);
  assertEquals(allKeys({ ...PLAN, seeds: [] }), []);
});

/** Any plan that the command line can ask for, and some that it cannot. */
const plans = fc.record({
  arms: fc.uniqueArray(fc.constantFrom(...ARM_NAMES), { minLength: 1 }),
  seeds: fc.uniqueArray(fc.oneof(fc.nat({ max: 20 }), fc.nat({ max: 2 ** 32 - 1 })), { minLength: 1, maxLength: 4 }),
  learningRates: fc.uniqueArray(
    fc.oneof(
      fc.double({ min: 1e-12, noNaN: true, noDefaultInfinity: true }),
      fc.constantFrom(1, 4, 1e-6, 1e21, 0.000012),
    ),
    { minLength: 1, maxLength: 4 },
  ),
  control: fc.boolean(),
  protocol: fc.constantFrom(...PROTOCOLS),
});

Deno.test("runName() tells all trainings of any plan apart, and so do the names of their checkpoints", () => {
  fc.assert(fc.property(plans, (plan) => {
    const keys = allKeys(plan);
    const all = keys.map(runName);
    assertEquals(new Set(all).size, keys.length);
    assertEquals(all.filter((name) => !/^[\w.+-]+$/.test(name)), []);
    // The folders of models have these names, and "-best" and "-partial" after them.
    const folders = all.flatMap((name) => [name, `${name}-best`, `${name}-partial`]);
    assertEquals(new Set(folders).size, 3 * keys.length);
    for (const [i, key] of keys.entries()) {
      const name = checkpointName(key, 1 + i);
      assertEquals(numberOf(name), 1 + i);
      assertEquals(keys.filter((other) => isCheckpointOf(other, name)), [key]);
    }
  }));
});

Deno.test("isSameRun() goes by all that a key names, whichever way it says that it names nothing", () => {
  const key = { arm: "gc", seed: 1 } as const;
  const others: RunKey[] = [
    { ...key, arm: "no-gc" },
    { ...key, seed: 2 },
    { ...key, learningRate: 1e-4 },
    { ...key, role: "again" },
    { ...key, role: "published" },
  ];
  for (const [i, a] of others.entries()) {
    assertEquals(isSameRun(a, key), false);
    assertEquals(others.map((b) => isSameRun(a, b)), others.map((_, j) => i === j));
    // As it comes from a file.
    assertEquals(isSameRun(a, JSON.parse(JSON.stringify(a))), true);
  }
});
