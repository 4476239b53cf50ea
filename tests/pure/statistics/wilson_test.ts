import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { wilsonInterval } from "../../../coordinator/statistics/wilson.ts";

Deno.test("Wilson's interval is that of scipy", () => {
  const known: readonly [number, number, number, number][] = [
    [4, 8, 0.21521606221387757, 0.7847839377861224],
    [0, 10, 0, 0.2775327998628892],
    [10, 10, 0.7224672001371106, 1],
    [230, 256, 0.8553490986352725, 0.9297450157753611],
    [1, 1, 0.2065493143772375, 1],
  ];
  for (const [successes, trials, low, high] of known) {
    const [a, b] = wilsonInterval(successes, trials);
    assertAlmostEquals(a, low, 1e-9, `${successes} of ${trials}`);
    assertAlmostEquals(b, high, 1e-9, `${successes} of ${trials}`);
  }
});

Deno.test("Wilson's interval lies within 0 and 1, holds the share, and mirrors it", () => {
  const counts = fc.tuple(fc.nat(1000), fc.nat(1000)).filter(([a, b]) => a + b > 0);
  fc.assert(fc.property(counts, ([successes, failures]) => {
    const trials = successes + failures;
    const [low, high] = wilsonInterval(successes, trials);
    assert(low >= 0 && high <= 1 && low <= successes / trials && successes / trials <= high, `${low} ${high}`);
    const [mirroredLow, mirroredHigh] = wilsonInterval(failures, trials);
    assertAlmostEquals(mirroredLow, 1 - high, 1e-12);
    assertAlmostEquals(mirroredHigh, 1 - low, 1e-12);
  }));
  assertEquals(wilsonInterval(0, 5)[0], 0);
  assertEquals(wilsonInterval(5, 5)[1], 1);
});

Deno.test("there is no interval of nothing, nor of more than all", () => {
  for (const [successes, trials] of [[0, 0], [2, 1], [-1, 3], [NaN, 3]] as const) {
    assertThrows(() => wilsonInterval(successes, trials), RangeError);
  }
});
