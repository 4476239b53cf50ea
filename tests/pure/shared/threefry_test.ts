import { assertEquals } from "@std/assert";
import { permutation, Purpose, sampleKey, threefry, toUnit } from "../../../shared/threefry.ts";

// Known answers of Random123 (kat_vectors, threefry2x32 20).
const KNOWN = [
  { key: [0, 0], counter: [0, 0], expected: [0x6b200159, 0x99ba4efe] },
  {
    key: [0xffffffff, 0xffffffff],
    counter: [0xffffffff, 0xffffffff],
    expected: [0x1cb996fc, 0xbb002be7],
  },
  { key: [0x13198a2e, 0x03707344], counter: [0x243f6a88, 0x85a308d3], expected: [0xc4923a9c, 0x483df7a0] },
] as const;

for (const { key, counter, expected } of KNOWN) {
  Deno.test(`threefry() gives the published answer for key ${key[0].toString(16)}`, () => {
    assertEquals([...threefry(key[0], key[1], counter[0], counter[1])], [...expected]);
  });
}

Deno.test("toUnit() covers [0, 1) in steps of 2⁻²⁴", () => {
  assertEquals(toUnit(0), 0);
  assertEquals(toUnit(0xffffffff), 1 - 2 ** -24);
  assertEquals(toUnit(0x100), 2 ** -24);
});

Deno.test("sampleKey() separates purposes, epochs and samples", () => {
  const keys = [
    sampleKey(0, Purpose.flip, 1, 0),
    sampleKey(0, Purpose.angle, 1, 0),
    sampleKey(0, Purpose.flip, 2, 0),
    sampleKey(0, Purpose.flip, 1, 1),
    sampleKey(1, Purpose.flip, 1, 0),
  ];
  assertEquals(new Set(keys.map(String)).size, keys.length);
});

Deno.test("permutation() holds every index once and depends on seed and epoch", () => {
  const order = permutation(1027, 0, Purpose.order, 1);
  assertEquals([...order].sort((a, b) => a - b), Array.from({ length: 1027 }, (_, i) => i));
  assertEquals(permutation(1027, 0, Purpose.order, 1), order);
  const others = [permutation(1027, 0, Purpose.order, 2), permutation(1027, 1, Purpose.order, 1)];
  for (const other of others) assertEquals(String(other) === String(order), false);
  assertEquals(permutation(0, 0, Purpose.order, 1).length, 0);
});
