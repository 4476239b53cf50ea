import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import fc from "fast-check";
import { auc, macroAuc } from "../../../coordinator/statistics/mod.ts";
import { probabilitiesOf } from "../../../shared/predictions.ts";

/** Images of every class, with logits in eighths, so that there are ties. */
const anyImages = fc.integer({ min: 2, max: 6 }).chain((classes) =>
  fc.array(
    fc.record({
      label: fc.nat(classes - 1),
      logits: fc.array(fc.integer({ min: -80, max: 80 }).map((n) => n / 8), {
        minLength: classes,
        maxLength: classes,
      }),
    }),
    { minLength: 2 * classes, maxLength: 30 },
  ).map((images) => ({
    classes,
    labels: images.map(({ label }, i) => i < classes ? i : label),
    logits: images.map(({ logits }) => logits),
  }))
);

/** Each class's area against the rest by its probability, rounded so that what is equal stays so. */
function areasOf(logits: readonly (readonly number[])[], labels: readonly number[], classes: number): number[] {
  const probabilities = logits.map((one) => probabilitiesOf(Float32Array.from(one)));
  return Array.from(
    { length: classes },
    (_, one) =>
      auc(probabilities.map((p) => Number(p[one]!.toPrecision(12))), labels.map((label) => label === one ? 1 : 0)),
  );
}

Deno.test("macroAuc() is the mean over the classes of the area of its probability against the rest", () => {
  fc.assert(
    fc.property(anyImages, ({ classes, labels, logits }) => {
      const areas = areasOf(logits, labels, classes);
      const mean = areas.reduce((a, b) => a + b, 0) / classes;
      // Ties that rounding breaks, in one or two pairs of images.
      const pair = 1 / (labels.length - 1);
      assert(Math.abs(macroAuc(logits.flat(), labels, classes) - mean) <= pair);
    }),
    { seed: 3, numRuns: 200 },
  );
});

Deno.test("macroAuc() of two classes is the area of the difference of their logits", () => {
  fc.assert(
    fc.property(anyImages, ({ labels, logits }) => {
      const binary = labels.map((label) => label % 2);
      const pairs = logits.map(([a, b]) => [a!, b!]);
      const expected = auc(pairs.map(([a, b]) => b! - a!), binary);
      assertAlmostEquals(macroAuc(pairs.flat(), binary, 2), expected, 1e-12);
    }),
    { seed: 3, numRuns: 100 },
  );
});

Deno.test("macroAuc() of a few images, counted by hand", () => {
  const logits = [[2, 1, 0], [0, 1.5, 1], [0.3, 0.2, 1], [1, 0, 0.5], [0.1, 2, 0], [0.2, 0.9, 0.8]];
  const labels = [0, 1, 2, 2, 1, 0];
  assertEquals(areasOf(logits, labels, 3), [0.75, 1, 0.75]);
  assertAlmostEquals(macroAuc(logits.flat(), labels, 3), 2.5 / 3, 1e-12);
});

Deno.test("macroAuc() ranks where probabilities have saturated, and is NaN without one of the classes", () => {
  // The first three are probabilities of 1 of the first class, and the surest of them is no other.
  const sure = [[50, 0, 0], [60, 0, 0], [40, 0, 0], [0, 0, 1]];
  const labels = [0, 0, 1, 2];
  assertEquals(areasOf(sure, labels, 3)[0], 0.75);
  assertEquals(macroAuc(sure.flat(), labels, 3), (1 + 2 / 3 + 1) / 3);
  assertEquals(macroAuc([0, 0, 0, 0, 0, 0], [0, 1], 3), NaN);
  assertEquals(macroAuc([NaN, 0, 0, 0, 0, 0, 0, 0, 0], [0, 1, 2], 3), NaN);
});
