import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import fc from "fast-check";
import { rootOf, subtreesIn } from "../../../shared/tree.ts";
import { StepLeaves, treeSum } from "../../../worker/tree_sum.ts";

/** Sums as text, which shows who was added to whom. */
function spelling(fails = Infinity) {
  const log: string[] = [];
  const held = new Set<string>();
  const depths: number[] = [];
  return {
    log,
    held,
    depths,
    async leaf(index: number, depth: number) {
      await Promise.resolve();
      if (index === fails) throw new Error("out of memory");
      assertEquals(held.size, depth, "as many sums wait as the depth says");
      depths.push(depth);
      held.add(`${index}`);
      log.push(`${index}`);
      return `${index}`;
    },
    add(left: string, right: string) {
      for (const part of [left, right]) assertEquals(held.delete(part), true, `${part} is added once`);
      const sum = `(${left}+${right})`;
      held.add(sum);
      return sum;
    },
    drop: (sum: string) => void held.delete(sum),
  };
}

Deno.test("treeSum() adds in the order of the tree, leaves from left to right", async () => {
  const three = spelling();
  assertEquals(await treeSum(3, rootOf(3), three), "((0+1)+2)");
  const eleven = spelling();
  assertEquals(await treeSum(11, rootOf(11), eleven), "((((0+1)+(2+3))+((4+5)+(6+7)))+((8+9)+10))");
  assertEquals(eleven.log, Array.from({ length: 11 }, (_, i) => `${i}`));
  assertEquals(Math.max(...eleven.depths), 3);
  assertEquals(await treeSum(11, { level: 1, index: 4 }, spelling()), "(8+9)");
  // The right end of the tree, named by a level at which it has only a left child.
  assertEquals(await treeSum(11, { level: 0, index: 10 }, spelling()), "10");
});

Deno.test("treeSum(): whatever the tree and the part, no more sums are held than its slots", async () => {
  await fc.assert(fc.asyncProperty(fc.integer({ min: 1, max: 70 }), fc.nat(), fc.nat(), async (leaves, a, b) => {
    const [start, end] = [a % leaves, 1 + b % leaves].sort((x, y) => x - y) as [number, number];
    for (const node of subtreesIn(leaves, { start, end })) {
      const sums = spelling();
      const sum = await treeSum(leaves, node, sums);
      assertEquals([...sums.held], [sum]);
      assertEquals(Math.max(...sums.depths) <= node.level, true);
    }
  }));
});

Deno.test("treeSum() frees what it holds when a leaf fails, wherever that is", async () => {
  for (let fails = 0; fails < 11; fails++) {
    const sums = spelling(fails);
    await assertRejects(() => treeSum(11, rootOf(11), sums), Error, "out of memory");
    assertEquals([...sums.held], []);
  }
});

Deno.test("StepLeaves knows the labels under a node in order, and refuses a leaf that was not given", () => {
  const sample = (id: number) => ({ id, label: id % 3, pixels: new Uint8Array() });
  const leaf = (index: number) => ({ index, seed: 0, epoch: 1, samples: [sample(2 * index), sample(2 * index + 1)] });
  const step = new StepLeaves(4, [3, 2, 1].map(leaf));
  assertEquals(step.labelsUnder({ level: 1, index: 1 }), [4, 5, 6, 7].map((id) => id % 3));
  assertThrows(() => step.labelsUnder(rootOf(4)), RangeError, "Leaf 0 of 4");
});
