import { assertEquals } from "@std/assert";
import { bestEpochOf, isHigherBetter, PRIMARY_METRICS } from "../../../coordinator/events/mod.ts";
import { epochRecord } from "../../fixtures/events.ts";

Deno.test("isHigherBetter(): more is better of areas and accuracies, less of losses and seconds", () => {
  const higher = ["testAuc", "testAccuracy", "accuracy"];
  assertEquals(PRIMARY_METRICS.filter(isHigherBetter).toSorted(), higher.toSorted());
  assertEquals(["seconds", "testSeconds", "testLoss", "loss"].some(isHigherBetter), false);
});

Deno.test("bestEpochOf(): the first of the best ones, by what is primary; none where nothing is known", () => {
  const records = [[0.7, 0.6], [0.9, 0.5], [0.9, 0.5], [0.8, 0.4]].map(([testAuc, testLoss], i) =>
    epochRecord(i + 1, { testAuc: testAuc!, testLoss: testLoss! })
  );
  assertEquals([bestEpochOf(records, "testAuc"), bestEpochOf(records, "testLoss")], [2, 4]);
  assertEquals(bestEpochOf(records.slice(0, 1), "testAuc"), 1);
  assertEquals(bestEpochOf([], "testAuc"), null);
  const unknown = records.map((record) => ({ ...record, testAuc: null }));
  assertEquals([bestEpochOf(unknown, "testAuc"), bestEpochOf(unknown, "testLoss")], [null, 4]);
  assertEquals(bestEpochOf([unknown[0]!, ...records.slice(1)], "testAuc"), 2);
});
