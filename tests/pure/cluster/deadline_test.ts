import { assertEquals } from "@std/assert";
import { LeafTimes } from "../../../coordinator/cluster/deadline.ts";

const LIMITS = { first: 900_000, floor: 30_000 };

Deno.test("LeafTimes: a stall is forgotten, a lasting slow-down is not", () => {
  const times = new LeafTimes();
  for (let i = 0; i < 20; i++) times.record(1, 100);
  assertEquals(times.deadline(LIMITS, 0), LIMITS.floor);
  times.record(1, 9_000);
  assertEquals(times.deadline(LIMITS, 0), 180_000);
  for (let i = 0; i < 16; i++) times.record(1, 100);
  assertEquals(times.deadline(LIMITS, 0), LIMITS.floor);
  for (let i = 0; i < 100; i++) times.record(2, 8_000);
  assertEquals(times.deadline(LIMITS, 0), 80_000);
});

Deno.test("LeafTimes: before the first leaf the worker's own estimate counts, within bounds", () => {
  const times = new LeafTimes();
  assertEquals(times.deadline(LIMITS, 0), LIMITS.floor);
  assertEquals(times.deadline(LIMITS, 2_000), 40_000);
  // The slowest engine takes 400 s for a leaf of 8 images at 300 px, whatever it says.
  for (const estimate of [100_000, 400_000, Infinity]) assertEquals(times.deadline(LIMITS, estimate), LIMITS.first);
  times.record(0, 5); // a sign of life without a leaf says nothing
  assertEquals(times.deadline(LIMITS, Infinity), LIMITS.first);
});

Deno.test("LeafTimes: no leaf makes a worker's silence longer than what is allowed before the first", () => {
  const times = new LeafTimes();
  for (const milliseconds of [400_000, 1e300]) {
    times.record(1, milliseconds);
    assertEquals(times.deadline(LIMITS, 0), LIMITS.first);
  }
});
