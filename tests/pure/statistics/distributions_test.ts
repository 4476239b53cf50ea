import { assertAlmostEquals, assertEquals } from "@std/assert";
import fc from "fast-check";
import jStat from "jstat";
import { exp, log } from "../../../coordinator/statistics/elementary.ts";
import { Z_975 } from "../../../coordinator/statistics/interval.ts";
import { normalCdf, normalDensity, normalQuantile } from "../../../coordinator/statistics/normal.ts";
import { incompleteBeta, logGamma, tCdf, tQuantile, tTwoSidedP } from "../../../coordinator/statistics/student_t.ts";

/** Asserts that two numbers differ by at most so large a part of themselves. */
function assertNear(actual: number, expected: number, part: number, what?: string) {
  assertAlmostEquals(actual, expected, part * Math.abs(expected), what ?? `${actual} is near ${expected}`);
}

const real = (min: number, max: number) => fc.double({ min, max, noNaN: true });

Deno.test("exp() and log() are what Math has, to a few units in the last place", () => {
  fc.assert(fc.property(real(-700, 700), (x) => assertNear(exp(x), Math.exp(x), 5e-16)));
  fc.assert(fc.property(real(0.5, 2), (x) => assertNear(log(x), Math.log(x), 5e-16)));
  fc.assert(fc.property(real(Number.MIN_VALUE, Number.MAX_VALUE), (x) => assertNear(log(x), Math.log(x), 5e-16)));
});

Deno.test("exp() and log() at the ends of what numbers can be", () => {
  assertEquals([exp(0), exp(-Infinity), exp(Infinity), exp(-745), exp(-747), exp(711)], [
    1,
    0,
    Infinity,
    5e-324,
    0,
    Infinity,
  ]);
  assertEquals([log(1), log(0), log(Infinity), log(-1)], [0, -Infinity, Infinity, NaN]);
  assertNear(log(5e-324), -744.4400719213812, 1e-15);
});

Deno.test("normalCdf() has the values of scipy.stats.norm.cdf", () => {
  const values = [
    [-8, 6.22096057427174e-16],
    [-2.6, 0.004661188023718747],
    [-1, 0.15865525393145707],
    [0, 0.5],
    [0.5, 0.6914624612740131],
    [3, 0.9986501019683699],
  ] as const;
  for (const [z, p] of values) assertNear(normalCdf(z), p, 1e-13);
  assertEquals([normalCdf(-Infinity), normalCdf(Infinity), normalCdf(NaN)], [0, 1, NaN]);
});

Deno.test("normalQuantile() has the values of scipy.stats.norm.ppf, and the one that intervals are made with", () => {
  const values = [[1e-10, -6.361340902404056], [0.025, -1.9599639845400545], [0.3, -0.5244005127080409]] as const;
  for (const [p, z] of values) assertNear(normalQuantile(p), z, 1e-13);
  assertNear(normalQuantile(0.025), -Z_975, 5e-15);
  assertEquals([0, 0.5, 1, 1.5].map(normalQuantile), [-Infinity, 0, Infinity, NaN]);
});

Deno.test("normalCdf() undoes normalQuantile(), is symmetric, and grows by its density", () => {
  fc.assert(fc.property(real(1e-200, 0.5), (p) => assertNear(normalCdf(normalQuantile(p)), p, 1e-12)));
  fc.assert(fc.property(real(-8, 8), (z) => assertAlmostEquals(normalCdf(z) + normalCdf(-z), 1, 1e-15)));
  fc.assert(fc.property(real(-8, 8), (z) => {
    assertAlmostEquals((normalCdf(z + 1e-4) - normalCdf(z - 1e-4)) / 2e-4, normalDensity(z), 1e-8);
  }));
});

Deno.test("tQuantile() has the values of printed tables and of scipy.stats.t.ppf", () => {
  assertEquals(tQuantile(0.975, 4).toFixed(6), "2.776445");
  assertEquals(tQuantile(0.975, 9).toFixed(6), "2.262157");
  assertNear(tQuantile(0.975, 1), 12.706204736174694, 1e-13);
  assertNear(tQuantile(0.9, 2), 1.8856180831641272, 1e-13);
  assertNear(tQuantile(0.001, 30), -3.3851848668293045, 1e-13);
  assertEquals([0, 0.5, 1, -1].map((p) => tQuantile(p, 5)), [-Infinity, 0, Infinity, NaN]);
});

Deno.test("tTwoSidedP() has the values of scipy.stats.t.sf", () => {
  assertNear(tTwoSidedP(2.5, 4), 0.06676654481198814, 1e-13);
  assertNear(tTwoSidedP(1, 1), 0.5, 1e-14);
  assertNear(tTwoSidedP(-3, 9), 0.014956363910414222, 1e-13);
  assertNear(tTwoSidedP(6, 19), 8.979235472490839e-6, 1e-13);
  assertEquals([tTwoSidedP(0, 9), tTwoSidedP(Infinity, 9), tTwoSidedP(NaN, 9)], [1, 0, NaN]);
});

Deno.test("t, its quantile, the incomplete beta function and Γ agree with jStat", () => {
  const freedom = fc.integer({ min: 1, max: 60 });
  fc.assert(fc.property(real(-12, 12), freedom, (t, freedom) => {
    assertAlmostEquals(tCdf(t, freedom), jStat.studentt.cdf(t, freedom), 1e-7);
  }));
  fc.assert(fc.property(real(0.01, 0.99), freedom, (p, freedom) => {
    assertAlmostEquals(tQuantile(p, freedom), jStat.studentt.inv(p, freedom), 1e-6);
  }));
  fc.assert(fc.property(real(0, 1), real(0.5, 50), real(0.5, 50), (x, a, b) => {
    assertAlmostEquals(incompleteBeta(x, a, b), jStat.ibeta(x, a, b), 1e-7);
  }));
  fc.assert(fc.property(real(1e-3, 200), (x) => assertAlmostEquals(logGamma(x), jStat.gammaln(x), 1e-9)));
});

Deno.test("tCdf() undoes tQuantile()", () => {
  fc.assert(fc.property(real(1e-9, 0.5), fc.integer({ min: 1, max: 200 }), (p, freedom) => {
    assertNear(tCdf(tQuantile(p, freedom), freedom), p, 1e-11);
  }));
});
