import { assertEquals } from "@std/assert";
import { wholeShare, workOf } from "../../../coordinator/cluster/share.ts";

Deno.test("wholeShare() cuts samples into leaves and keeps a short last one", () => {
  const position = { key: { arm: "gc", seed: 1 }, epoch: 2, step: 3, steps: 9 } as const;
  const share = wholeShare({ seed: 1, epoch: 2, position, ids: Uint32Array.of(5, 4, 3, 2, 1) }, 2);
  assertEquals(share.samples, [[5, 4], [3, 2], [1]]);
  assertEquals([share.leafCount, share.range, share.position], [3, { start: 0, end: 3 }, position]);
  assertEquals(wholeShare({ seed: 1, epoch: 2, ids: [7, 8, 9] }, 8).samples, [[7, 8, 9]]);
});

Deno.test("workOf() counts samples from the first wanted one; leaves that are not wanted have none", () => {
  const share = { seed: 1, epoch: 2, leafCount: 4, range: { start: 1, end: 3 }, samples: [[7, 8], [9]] };
  assertEquals(workOf(share, "train"), { task: "train", bounds: [0, 0, 2, 3, 3], wanted: share.range });
});
