// --limit: which images are kept.
import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { limitSplit } from "../../../data/mod.ts";
import { HerdError } from "../../../shared/errors.ts";
import { permutation, Purpose } from "../../../shared/threefry.ts";

const REAL = { train: new Uint8Array(1027).fill(1, 500), test: new Uint8Array(256).fill(1, 128) };
const countOf = (ids: Uint32Array, labels: Uint8Array, label: number) =>
  ids.filter((id) => labels[id] === label).length;

Deno.test("limitSplit() keeps everything without a limit and with the largest one", () => {
  const all = (n: number) => Uint32Array.from({ length: n }, (_, id) => id);
  assertEquals(limitSplit(REAL, null), { train: all(1027), test: all(256) });
  assertEquals(limitSplit(REAL, 1027), { train: all(1027), test: all(256) });
});

Deno.test("limitSplit() takes a balanced, ascending, growing set of ids", () => {
  const labelList = fc.uint8Array({ minLength: 1, maxLength: 60, max: 1 });
  fc.assert(fc.property(labelList, labelList, fc.nat(), (train, test, pick) => {
    const labels = { train, test };
    const limit = 1 + pick % train.length;
    const kept = limitSplit(labels, limit);
    assertEquals([kept.train.length, kept.test.length], [limit, Math.min(test.length, Math.ceil(limit / 4))]);
    for (const split of ["train", "test"] as const) {
      const ids = kept[split];
      assertEquals([...new Set(ids)].sort((a, b) => a - b), [...ids]);
      const [zeros, ones] = [0, 1].map((label) => countOf(ids, labels[split], label)) as [number, number];
      // Uneven only where the smaller class is used up.
      const used = zeros < ones ? 0 : 1;
      const available = labels[split].filter((label) => label === used).length;
      assert(Math.abs(zeros - ones) <= 1 || Math.min(zeros, ones) === available);
    }
    if (limit < train.length) {
      const more = new Set(limitSplit(labels, limit + 1).train);
      assert(kept.train.every((id) => more.has(id)));
    }
  }));
});

Deno.test("limitSplit() is the same for a data set and its labels, and every time", () => {
  const dataset = { labels: (split: "train" | "test") => REAL[split] };
  assertEquals(limitSplit(dataset, 16), limitSplit(REAL, 16));
  // Golden: other images would make other results under the same configuration.
  assertEquals([...limitSplit(REAL, 8).train], [161, 268, 305, 389, 650, 700, 873, 1010]);
  assertEquals([...limitSplit(REAL, 8).test], [96, 203]);
});

/** What is meant, said the short way: it takes no more labels than a function takes arguments. */
function plainOrder(labels: Uint8Array, draw: number): number[] {
  const queues = Array.from({ length: Math.max(-1, ...labels) + 1 }, (_, label) => {
    const members = [...labels.keys()].filter((id) => labels[id] === label);
    return Array.from(permutation(members.length, 0, Purpose.limit, draw + label), (i) => members[i]!);
  });
  const longest = Math.max(0, ...queues.map(({ length }) => length));
  return Array.from({ length: longest }, (_, turn) => queues.flatMap((queue) => queue.slice(turn, turn + 1))).flat();
}

Deno.test("limitSplit() takes the classes in turns, each in its own constant order", () => {
  const labelList = fc.uint8Array({ minLength: 1, maxLength: 40, max: 5 });
  fc.assert(
    fc.property(labelList, labelList, (train, test) => {
      const [trainOrder, testOrder] = [plainOrder(train, 1), plainOrder(test, 3)];
      for (let limit = 1; limit <= train.length; limit++) {
        const expected = [trainOrder.slice(0, limit), testOrder.slice(0, Math.ceil(limit / 4))];
        const kept = limitSplit({ train, test }, limit);
        assertEquals([[...kept.train], [...kept.test]], expected.map((ids) => ids.sort((a, b) => a - b)));
      }
    }),
    { numRuns: 30 },
  );
});

Deno.test("limitSplit() takes 200,000 labels", () => {
  const labels = { train: new Uint8Array(200_000).fill(1, 150_000), test: new Uint8Array(200_000).fill(1, 10) };
  const { train, test } = limitSplit(labels, 199_999);
  assertEquals([train.length, test.length], [199_999, 50_000]);
  assertEquals(countOf(test, labels.test, 0), 10);
  assertEquals(limitSplit(labels, null).train.length, 200_000);
});

Deno.test("limitSplit() refuses other limits", () => {
  for (const limit of [0, -1, 1.5, NaN, 1028]) {
    const error = assertThrows(() => limitSplit(REAL, limit), HerdError, "--limit");
    assertEquals(error.code, "usage");
  }
  assertThrows(() => limitSplit(REAL, 2000), HerdError, "1027");
});
