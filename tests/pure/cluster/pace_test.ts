import { assertAlmostEquals, assertEquals } from "@std/assert";
import { Pace } from "../../../coordinator/cluster/pace.ts";

const LIMITS = { floor: 100, ceiling: 10_000 };

Deno.test("Pace: one stall changes neither speed nor patience, a lasting slow-down soon does", () => {
  const pace = new Pace(LIMITS);
  assertEquals([pace.speed, pace.patience(64)], [undefined, LIMITS.ceiling]);
  for (let i = 0; i < 10; i++) pace.record(64, 640, true);
  const patience = pace.patience(64);
  assertEquals(pace.speed, 100);
  assertAlmostEquals(patience, 640 + 8 * 0.125 * 640);
  pace.record(64, 10_000, true);
  assertEquals([pace.speed, pace.patience(64)], [100, patience]);
  for (let i = 0; i < 2; i++) pace.record(64, 6_400, true);
  assertEquals(pace.speed, 10);
});

Deno.test("Pace: patience has a floor and a ceiling, and evaluations are no measure", () => {
  const pace = new Pace(LIMITS);
  pace.record(64, 1, false);
  assertEquals(pace.speed, undefined);
  pace.record(64, 64, true);
  assertEquals([pace.patience(1), pace.patience(1e6)], [LIMITS.floor, LIMITS.ceiling]);
});
