// --limit: which images are kept.
import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { limitSplit } from "../../../data/mod.ts";
import { HerdError } from "../../../shared/errors.ts";

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

Deno.test("limitSplit() refuses other limits", () => {
  for (const limit of [0, -1, 1.5, NaN, 1028]) {
    const error = assertThrows(() => limitSplit(REAL, limit), HerdError, "--limit");
    assertEquals(error.code, "usage");
  }
  assertThrows(() => limitSplit(REAL, 2000), HerdError, "1027");
});
