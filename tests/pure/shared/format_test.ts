import { assertEquals } from "@std/assert";
import { formatBytes, formatSeconds } from "../../../shared/cli/format.ts";

Deno.test("formatSeconds() and formatBytes() are short", () => {
  assertEquals([0, 59.6, 3599, 7265, NaN].map(formatSeconds), ["0 s", "1 min 00 s", "59 min 59 s", "2 h 01 min", "–"]);
  assertEquals([0, 999, 149_574_867, 10e9].map(formatBytes), ["0.0 kB", "1.0 kB", "149.6 MB", "10.0 GB"]);
});
