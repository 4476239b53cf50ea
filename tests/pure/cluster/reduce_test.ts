import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { ReductionTree } from "../../../coordinator/cluster/reduce.ts";
import { divideBy, type PartialSum } from "../../../shared/sums.ts";
import { assignLeaves } from "../../../coordinator/cluster/assign_leaves.ts";
import {
  addInto,
  childrenOf,
  type NodeId,
  nodeRange,
  parentOf,
  rootOf,
  subtreeCount,
  subtreesIn,
} from "../../../shared/tree.ts";

const SIZE = 37;

/** Pseudo-random float32 of very different sizes, so that the order of addition shows in the bits. */
function leafGradient(leaf: number): Float32Array {
  return Float32Array.from({ length: SIZE }, (_, i) => {
    const x = Math.sin(leaf * 12.9898 + i * 78.233) * 43758.5453;
    return (x - Math.floor(x) - 0.5) * 10 ** ((leaf * 7 + i) % 9 - 4);
  });
}

/** What a worker sends for a node: its leaves summed along the same tree. */
function partialOf(leaves: number, node: NodeId): PartialSum {
  const { start, end } = nodeRange(leaves, node);
  const children = childrenOf(leaves, node);
  const losses = Float32Array.from({ length: end - start }, (_, i) => start + i);
  if (children === undefined) return { node, gradient: leafGradient(start), losses, logits: losses.slice() };
  const gradient = partialOf(leaves, children[0]).gradient;
  addInto(gradient, partialOf(leaves, children[1]).gradient);
  return { node, gradient, losses, logits: losses.slice() };
}

function reduceWith(
  leaves: number,
  workers: number,
  order: (nodes: NodeId[]) => NodeId[] = (nodes) => nodes,
): PartialSum {
  const tree = new ReductionTree(leaves);
  const ranges = assignLeaves(Array.from({ length: leaves + 1 }, (_, i) => 8 * i), Array(workers).fill(1));
  for (const node of order(ranges.flatMap((range) => tree.subtrees(range)))) {
    assert(tree.add(partialOf(leaves, node)));
  }
  assertEquals(tree.missing(), []);
  return tree.sums()[0]!;
}

Deno.test("ReductionTree gives equal bits for 1 to 16 workers and 1 to 33 leaves, near the float64 sum", () => {
  for (let leaves = 1; leaves <= 33; leaves++) {
    const reference = new Float64Array(SIZE);
    const magnitude = new Float64Array(SIZE);
    for (let leaf = 0; leaf < leaves; leaf++) {
      leafGradient(leaf).forEach((value, i) => {
        reference[i] = reference[i]! + value;
        magnitude[i] = magnitude[i]! + Math.abs(value);
      });
    }
    const alone = reduceWith(leaves, 1);
    alone.gradient.forEach((value, i) => assertAlmostEquals(value, reference[i]!, magnitude[i]! * 6 * 2 ** -24));
    assertEquals([...alone.losses], Array.from({ length: leaves }, (_, i) => i));
    for (let workers = 2; workers <= 16; workers++) assertEquals(reduceWith(leaves, workers), alone);
  }
});

Deno.test("ReductionTree gives equal bits in any order of arrival and for any cut", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 33 }).chain((leaves) =>
        fc.tuple(
          fc.constant(leaves),
          fc.array(fc.integer({ min: 0, max: leaves }), { maxLength: 8 }),
          fc.infiniteStream(fc.nat()),
        )
      ),
      ([leaves, cuts, keys]) => {
        const bounds = [0, ...cuts.sort((a, b) => a - b), leaves];
        const nodes = bounds.slice(1).flatMap((end, i) => subtreesIn(leaves, { start: bounds[i]!, end }));
        const shuffled = nodes.map((node) => ({ node, key: keys.next().value as number })).sort((a, b) =>
          a.key - b.key
        );
        const tree = new ReductionTree(leaves);
        for (const { node } of shuffled) tree.add(partialOf(leaves, node));
        assertEquals(tree.sums()[0]!.gradient, reduceWith(leaves, 1).gradient);
      },
    ),
    { seed: 1, numRuns: 200 },
  );
});

Deno.test("ReductionTree.add() counts every leaf once: the first answer wins", () => {
  const tree = new ReductionTree(4);
  assert(tree.add(partialOf(4, { level: 1, index: 0 })));
  assertEquals(tree.add(partialOf(4, { level: 0, index: 1 })), false);
  assertEquals(tree.add(partialOf(4, { level: 2, index: 0 })), false);
  assertEquals(tree.missing(), [{ start: 2, end: 4 }]);
  assertThrows(() => tree.sums(), RangeError, "missing");
  assertThrows(() => tree.add(partialOf(8, { level: 0, index: 7 })), RangeError, "4 leaves");
});

Deno.test("ReductionTree sums over a part of the leaves into what a worker of that range would send", () => {
  for (const [leaves, start, end] of [[16, 4, 12], [11, 3, 11], [5, 0, 5], [7, 2, 3]] as const) {
    const wanted = { start, end };
    const tree = new ReductionTree(leaves, wanted);
    for (let index = end - 1; index >= start; index--) tree.add(partialOf(leaves, { level: 0, index }));
    assertEquals(tree.sums(), tree.subtrees(wanted).map((node) => partialOf(leaves, node)));
  }
  const tree = new ReductionTree(16, { start: 4, end: 12 });
  assertThrows(() => tree.add(partialOf(16, { level: 3, index: 0 })), RangeError);
  assertThrows(() => tree.sums(), RangeError, '[{"start":4,"end":12}]');
});

Deno.test("the tree's left child holds the largest power of two below the leaf count", () => {
  // 11 leaves: 8 and 3; the node of leaves 8 to 10 is named by the lowest level that covers them.
  assertEquals(childrenOf(11, rootOf(11)), [{ level: 3, index: 0 }, { level: 2, index: 2 }]);
  for (let leaves = 1; leaves <= 40; leaves++) {
    const visit = (node: NodeId) => {
      const children = childrenOf(leaves, node);
      if (!children) return;
      const [left, right] = children.map((child) => nodeRange(leaves, child));
      const count = right!.end - left!.start;
      assertEquals(left!.end - left!.start, 2 ** (Math.ceil(Math.log2(count)) - 1));
      for (const child of children) {
        assertEquals(parentOf(leaves, child), node);
        visit(child);
      }
    };
    visit(rootOf(leaves));
  }
});

Deno.test("a mean over leaves of different sizes weighs every sample once", () => {
  // Three samples with gradients 1, 2, 6 in leaves of 2 and 1: the mean of means would be 3.75.
  const tree = new ReductionTree(2);
  const one = new Float32Array(1);
  tree.add({
    node: { level: 0, index: 0 },
    gradient: Float32Array.of(1 + 2),
    losses: new Float32Array(2),
    logits: new Float32Array(2),
  });
  tree.add({ node: { level: 0, index: 1 }, gradient: Float32Array.of(6), losses: one, logits: one });
  const [sum] = tree.sums() as [PartialSum];
  divideBy(sum.gradient, sum.losses.length);
  assertEquals([...sum.gradient], [3]);
});

Deno.test("subtreeCount() counts what subtreesIn() lists, and these cover the range", () => {
  for (let leaves = 1; leaves <= 70; leaves++) {
    for (let start = 0; start <= leaves; start++) {
      for (let end = start; end <= leaves; end++) {
        const nodes = subtreesIn(leaves, { start, end });
        assertEquals(subtreeCount(leaves, start, end), nodes.length);
        let leaf = start;
        for (const node of nodes) {
          assertEquals(nodeRange(leaves, node).start, leaf);
          leaf = nodeRange(leaves, node).end;
          // Maximal: its parent has leaves that are not in the range.
          const parent = parentOf(leaves, node);
          if (parent === undefined) continue;
          const around = nodeRange(leaves, parent);
          assert(around.start < start || around.end > end);
        }
        assertEquals(leaf, end);
      }
    }
  }
});
