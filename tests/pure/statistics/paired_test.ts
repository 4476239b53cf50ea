import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import fc from "fast-check";
import jStat from "jstat";
import { pairedSummary } from "../../../coordinator/statistics/paired.ts";
import { leastEffect, noncentralTCdf, pairedPower } from "../../../coordinator/statistics/power.ts";

const FIVE = [0.02, 0.05, -0.01, 0.03, 0.04];
const TEN = [0.012, -0.004, 0.031, 0.022, 0.008, -0.011, 0.017, 0.025, 0.003, 0.014];

Deno.test("pairedSummary() has the values of scipy.stats.ttest_1samp", () => {
  const five = pairedSummary(FIVE);
  assertAlmostEquals(five.mean, 0.026, 1e-16);
  assertAlmostEquals(five.deviation!, 0.02302172886644268, 1e-16);
  assertAlmostEquals(five.ci95![0], -0.0025852519098702245, 1e-15);
  assertAlmostEquals(five.ci95![1], 0.05458525190987023, 1e-15);
  assertAlmostEquals(five.effectSize!, 1.1293678311839803, 1e-14);
  assertAlmostEquals(five.tP!, 0.06498591034212063, 1e-14);
  const ten = pairedSummary(TEN);
  assertAlmostEquals(ten.ci95![0], 0.002342152146478144, 1e-15);
  assertAlmostEquals(ten.ci95![1], 0.021057847853521855, 1e-15);
  assertAlmostEquals(ten.tP!, 0.019775699141942812, 1e-14);
});

Deno.test("pairedSummary() tells no spread of fewer than two", () => {
  const nothing = { deviation: null, ci95: null, effectSize: null, tP: null, leastDetectable: null };
  assertEquals(pairedSummary([0.3]), { mean: 0.3, ...nothing });
  assertEquals(pairedSummary([]), { mean: NaN, ...nothing });
});

Deno.test("pairedSummary() of differences that are equal up to rounding has no spread, and finds nothing in zeros", () => {
  const none = { deviation: 0, effectSize: null, leastDetectable: null };
  assertEquals(pairedSummary([0, 0, 0, 0, 0, 0]), { mean: 0, ci95: [0, 0], tP: 1, ...none });
  const alike = [0.3 - 0.2, 0.4 - 0.3, 0.6 - 0.5, 0.8 - 0.7];
  assert(new Set(alike).size > 1, "they differ in their last bits");
  const { mean, ...rest } = pairedSummary(alike);
  assertEquals(rest, { ci95: [mean, mean], tP: 0, ...none });
});

const differences = fc.array(fc.double({ min: -10, max: 10, noNaN: true }), { minLength: 2, maxLength: 30 })
  .filter((values) => Math.max(...values) - Math.min(...values) > 1e-3);

Deno.test("the t interval agrees with jStat, excludes 0 just where p < 0.05, and moves and grows with the differences", () => {
  fc.assert(fc.property(differences, fc.double({ min: 0.5, max: 4, noNaN: true }), (values, factor) => {
    const { mean, ci95, tP, effectSize, deviation } = pairedSummary(values);
    const [low, high] = ci95!;
    const margin = jStat.studentt.inv(0.975, values.length - 1) * jStat.stdev(values, true) / Math.sqrt(values.length);
    assertAlmostEquals(high - mean, margin, 1e-5 * margin);
    if (Math.abs(tP! - 0.05) > 1e-9) assertEquals(low > 0 || high < 0, tP! < 0.05);
    const moved = pairedSummary(values.map((value) => factor * value + 3));
    assertAlmostEquals(moved.ci95![0], factor * low + 3, 1e-11);
    assertAlmostEquals(moved.ci95![1], factor * high + 3, 1e-11);
    const opposite = pairedSummary(values.map((value) => -value));
    assertEquals([-opposite.ci95![1], -opposite.ci95![0], opposite.tP], [low, high, tP]);
    assertAlmostEquals(effectSize! * deviation!, mean, 1e-14);
  }));
});

Deno.test("noncentralTCdf() has the values of scipy.stats.nct.cdf", () => {
  assertAlmostEquals(noncentralTCdf(2, 9, 1.5), 0.6558759139985497, 1e-13);
  assertAlmostEquals(noncentralTCdf(2.776, 4, 3), 0.3806222701078517, 1e-13);
  assertAlmostEquals(noncentralTCdf(0.5, 19, -1), 0.931711768486937, 1e-13);
});

Deno.test("leastEffect() has the values that scipy's noncentral t gives", () => {
  // brentq over nct.sf(c, n − 1, d √n) + nct.cdf(−c, n − 1, d √n) = 0.8, c = t.ppf(0.975, n − 1).
  const values = [
    [2, 11.549888435882377],
    [3, 3.2640435496995712],
    [5, 1.6819969659555547],
    [6, 1.434544782040401],
    [10, 0.9960013714554437],
    [20, 0.6604416546230262],
    [100, 0.2829126327813865],
  ] as const;
  for (const [pairs, effect] of values) assertAlmostEquals(leastEffect(pairs), effect, 1e-12 * effect);
  assertEquals([leastEffect(0), leastEffect(1)], [Infinity, Infinity]);
});

Deno.test("pairedPower() is 5 % for no effect, 80 % for the least detectable one, and the same on either side", () => {
  for (const pairs of [2, 6, 10, 40]) {
    assertAlmostEquals(pairedPower(pairs, 0), 0.05, 1e-12);
    assertAlmostEquals(pairedPower(pairs, leastEffect(pairs)), 0.8, 1e-11);
    assertAlmostEquals(pairedPower(pairs, -0.7), pairedPower(pairs, 0.7), 1e-12);
  }
});

Deno.test("the least detectable difference is the deviation times the least effect", () => {
  const { deviation, leastDetectable } = pairedSummary(TEN);
  assertAlmostEquals(leastDetectable!, 0.9960013714554437 * deviation!, 1e-15);
});
