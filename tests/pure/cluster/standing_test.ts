import { assertEquals } from "@std/assert";
import { Standing } from "../../../coordinator/cluster/standing.ts";

/** So many steps with sound answers. */
function sound(standing: Standing, steps: number): void {
  for (let step = 0; step < steps; step++) standing.recordSound();
}

Deno.test("Standing: three bad answers are too many, unless sound ones lie between them; one that is judged is enough", () => {
  const quick = new Standing();
  assertEquals([quick.strike(false), quick.strike(false), quick.strike(false)], [false, false, true]);
  sound(quick, 1_000);
  assertEquals(quick.isExcluded, true, "an exclusion is not forgotten");

  const flaky = new Standing();
  for (let times = 0; times < 20; times++) {
    assertEquals(flaky.strike(false), false);
    sound(flaky, 10);
  }
  flaky.strike(false);
  sound(flaky, 9);
  flaky.strike(false);
  sound(flaky, 9);
  assertEquals(flaky.strike(false), true, "nine are not enough");

  const liar = new Standing();
  sound(liar, 1_000);
  assertEquals(liar.strike(true), true);
});
