// Who gets which leaves: the whole range is cut, in proportion to speed, where few subtrees have to be sent.
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { assignLeaves, completeSpeeds } from "../../../coordinator/cluster/assign_leaves.ts";
import { type Range, subtreesIn } from "../../../shared/tree.ts";

/** Where leaves of these sizes begin, and the last one's end. */
function boundsOf(sizes: readonly number[]): number[] {
  const bounds = [0];
  for (const size of sizes) bounds.push(bounds.at(-1)! + size);
  return bounds;
}

/** Leaves of equal size. */
const equal = (leaves: number) => boundsOf(Array(leaves).fill(8));

/** Whether the ranges lie side by side and are together this one. */
function assertCut(ranges: readonly Range[], { start, end }: Range): void {
  let cut = start;
  for (const range of ranges) {
    assertEquals(range.start, cut);
    assert(range.end >= range.start);
    cut = range.end;
  }
  assertEquals(cut, end);
}

Deno.test("assignLeaves() covers all leaves in order, in proportion to speed", () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 8 }), { minLength: 1, maxLength: 200, size: "max" }),
      fc.array(fc.double({ min: 0.1, max: 100, noNaN: true }), { minLength: 1, maxLength: 16 }),
      (sizes, speeds) => {
        const ranges = assignLeaves(boundsOf(sizes), speeds);
        assertEquals(ranges.length, speeds.length);
        assertCut(ranges, { start: 0, end: sizes.length });
      },
    ),
    { seed: 2, numRuns: 200 },
  );
  assertEquals(assignLeaves(equal(16), [3, 1]), [{ start: 0, end: 12 }, { start: 12, end: 16 }]);
  assertEquals(assignLeaves([0, 3], [1, 1, 1]).map(({ start, end }) => end - start).sort(), [0, 0, 1]);
  // 5 leaves on 2 workers: 4 + 1 would be slower than 3 + 2, so the cut with fewer subtrees is not taken.
  assertEquals(assignLeaves(equal(5), [1, 1]).map(({ start, end }) => end - start).sort(), [2, 3]);
});

Deno.test("assignLeaves() takes the fewest subtrees of all cuts within 5 % of the best time", () => {
  const slowest = (ranges: readonly Range[], sizes: readonly number[], speeds: readonly number[]) =>
    Math.max(...ranges.map(({ start, end }, i) => sizes.slice(start, end).reduce((a, b) => a + b, 0) / speeds[i]!));
  const subtrees = (ranges: readonly Range[], leaves: number) =>
    ranges.reduce((sum, range) => sum + subtreesIn(leaves, range).length, 0);
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 8 }), { minLength: 1, maxLength: 24, size: "max" }),
      fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 3, maxLength: 3 }),
      (sizes, speeds) => {
        const leaves = sizes.length;
        const all: Range[][] = [];
        for (let a = 0; a <= leaves; a++) {
          for (let b = a; b <= leaves; b++) {
            all.push([{ start: 0, end: a }, { start: a, end: b }, { start: b, end: leaves }]);
          }
        }
        const best = Math.min(...all.map((ranges) => slowest(ranges, sizes, speeds)));
        const cut = assignLeaves(boundsOf(sizes), speeds);
        assert(slowest(cut, sizes, speeds) <= 1.05 * 1.0002 * best);
        const even = all.filter((ranges) => slowest(ranges, sizes, speeds) <= 1.05 * best);
        assert(subtrees(cut, leaves) <= Math.min(...even.map((ranges) => subtrees(ranges, leaves))));
      },
    ),
    { seed: 3, numRuns: 100 },
  );
});

Deno.test("assignLeaves() cuts a part of a step along the step's tree", () => {
  assertEquals(assignLeaves(equal(16), [1, 1], { start: 3, end: 13 }), [{ start: 3, end: 8 }, {
    start: 8,
    end: 13,
  }]);
});

Deno.test("completeSpeeds() counts a newcomer as the mean of the measured", () => {
  assertEquals(completeSpeeds([10, undefined, 20]), [10, 15, 20]);
  assertEquals(completeSpeeds([undefined, undefined]), [1, 1]);
});

Deno.test("assignLeaves() leaves no leaf over in large steps either, whatever the speeds", () => {
  const speed = fc.double({ min: 1e-3, max: 1e3, noNaN: true });
  fc.assert(
    fc.property(
      fc.integer({ min: 513, max: 1_100 }),
      fc.integer({ min: 1, max: 8 }),
      fc.array(speed, { minLength: 1, maxLength: 24 }),
      fc.nat(512),
      (leaves, size, speeds, start) => {
        const range = { start, end: leaves };
        const ranges = assignLeaves(boundsOf(Array(leaves).fill(size)), speeds, range);
        assertEquals(ranges.length, speeds.length);
        assertCut(ranges, range);
      },
    ),
    { seed: 4, numRuns: 300 },
  );
});

Deno.test("assignLeaves() gives one worker the last leaf of 513, whatever its speed", () => {
  // speed · (samples / speed) is often a little less than samples: these 200 speeds have such ones among them.
  const speeds = Array.from({ length: 200 }, (_, i) => 0.1 + 0.37 * i);
  const bounds = equal(513);
  assert(speeds.some((speed) => speed * (8 / speed) < 8));
  for (const speed of speeds) {
    assertEquals(assignLeaves(bounds, [speed], { start: 512, end: 513 }), [{ start: 512, end: 513 }]);
  }
});
