import { assertEquals } from "@std/assert";
import { sparkline } from "../../../coordinator/report/sparkline.ts";

Deno.test("sparkline(): one bar a value, the least the lowest and the largest the highest, of the last ones", () => {
  assertEquals(sparkline([1, 2, 3, 4, 5, 6, 7, 8]), "▁▂▃▄▅▆▇█");
  assertEquals(sparkline([8, 1, 4.5]), "█▁▅");
  assertEquals(sparkline([100, 1, 2, 3], 3), "▁▅█");
  assertEquals([sparkline([]), sparkline([3]), sparkline([3, 3])], ["", "▁", "▁▁"]);
});

Deno.test("sparkline(): what is not finite leaves a gap, and counts for nothing", () => {
  assertEquals(sparkline([1, NaN, 2, Infinity, 1]), "▁ █ ▁");
  assertEquals(sparkline([NaN, NaN]), "  ");
});
