import { assertAlmostEquals, assertEquals } from "@std/assert";
import fc from "fast-check";
import jStat from "jstat";
import { holm } from "../../../coordinator/statistics/holm.ts";
import { signTest } from "../../../coordinator/statistics/sign_test.ts";

Deno.test("signTest() has the exact binomial values", () => {
  assertEquals(signTest(5, 0), 0.0625);
  assertEquals(signTest(0, 6), 0.03125);
  assertEquals(signTest(9, 1), 0.021484375);
  assertEquals(signTest(7, 3), 0.34375);
  assertEquals(signTest(14, 6), 0.11531829833984375);
  assertAlmostEquals(signTest(600, 500), 0.0028195449914364284, 1e-14); // scipy.stats.binomtest
});

Deno.test("signTest() is 1 where nothing speaks for a side, and holds for thousands of pairs", () => {
  assertEquals([signTest(0, 0), signTest(1, 0), signTest(4, 4), signTest(2000, 2000)], [1, 1, 1, 1]);
  assertEquals(signTest(5000, 0), 0); // below the least number there is
});

Deno.test("signTest() is symmetric and agrees with jStat's binomial distribution", () => {
  const count = fc.integer({ min: 0, max: 40 });
  fc.assert(fc.property(count, count, (wins, losses) => {
    const p = signTest(wins, losses);
    assertEquals(p, signTest(losses, wins));
    const expected = wins + losses === 0 ? 1 : 2 * jStat.binomial.cdf(Math.min(wins, losses), wins + losses, 0.5);
    assertAlmostEquals(p, Math.min(1, expected), 1e-9);
  }));
});

Deno.test("holm() multiplies the smallest by their number, and lets none fall below one before it", () => {
  assertEquals(holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02]); // 2 · 0.03, and 0.04 not less
  assertEquals(holm([0.5, 0.9]), [1, 1]);
  assertEquals(holm([0.2]), [0.2]);
  assertEquals(holm([]), []);
});

Deno.test("holm() never lowers a p, keeps their order, and lies between it and Bonferroni's", () => {
  const ps = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 20 });
  fc.assert(fc.property(ps, (ps) => {
    const adjusted = holm(ps);
    ps.forEach((p, i) => {
      assertEquals(p <= adjusted[i]! && adjusted[i]! <= Math.min(1, p * ps.length), true);
      ps.forEach((other, j) => assertEquals(p < other && adjusted[i]! > adjusted[j]!, false));
    });
  }));
});
