import { assertAlmostEquals, assertEquals } from "@std/assert";
import { Pace } from "../../../coordinator/cluster/pace.ts";

const LIMITS = { floor: 100, ceiling: 10_000 };

Deno.test("Pace: one stall changes neither speed nor patience, a lasting slow-down soon does", () => {
  const pace = new Pace(LIMITS);
  assertEquals([pace.speed, pace.patience(64)], [undefined, LIMITS.ceiling]);
  for (let i = 0; i < 10; i++) pace.record(64, 640);
  const patience = pace.patience(64);
  assertEquals(pace.speed, 100);
  assertAlmostEquals(patience, 640 + 8 * 0.125 * 640);
  pace.record(64, 10_000);
  assertEquals([pace.speed, pace.patience(64)], [100, patience]);
  for (let i = 0; i < 2; i++) pace.record(64, 6_400);
  assertEquals(pace.speed, 10);
});

Deno.test("Pace: patience has a floor and a ceiling, and what has no images is no measure", () => {
  const pace = new Pace(LIMITS);
  pace.record(0, 64);
  assertEquals(pace.speed, undefined);
  pace.record(64, 64);
  assertEquals([pace.patience(1), pace.patience(1e6)], [LIMITS.floor, LIMITS.ceiling]);
});
