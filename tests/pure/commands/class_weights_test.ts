import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import fc from "fast-check";
import { balancedWeights } from "../../../coordinator/commands/class_weights.ts";
import { HerdError } from "../../../shared/errors.ts";

const split = (labels: readonly number[], ids = labels.map((_, id) => id)) => ({
  ids: Uint32Array.from(ids),
  labels: Uint8Array.from(labels),
});

Deno.test("balancedWeights(): images by classes times images of the class, of those that are used, as float32", () => {
  assertEquals(balancedWeights(["a", "b"], split([0, 0, 0, 1])), [4 / 6, 2].map(Math.fround));
  // What a limit leaves out does not count.
  assertEquals(balancedWeights(["a", "b"], split([0, 0, 0, 1], [1, 3])), [1, 1]);
  assertEquals(balancedWeights(["a", "b", "c"], split([2, 1, 1, 0, 1, 2])), [2, 2 / 3, 1].map(Math.fround));
});

Deno.test("balancedWeights(): every class has the same part, and the mean weight of an image is 1", () => {
  const anyLabels = fc.integer({ min: 2, max: 12 }).chain((classes) =>
    fc.array(fc.nat(classes - 1), { maxLength: 60 }).map((more) => ({
      classes: Array.from({ length: classes }, (_, i) => `class ${i}`),
      labels: [...Array(classes).keys(), ...more],
    }))
  );
  fc.assert(fc.property(anyLabels, ({ classes, labels }) => {
    const weights = balancedWeights(classes, split(labels));
    for (const [label, weight] of weights.entries()) {
      const part = weight * labels.filter((one) => one === label).length;
      if (Math.abs(part / (labels.length / classes.length) - 1) > 1e-6) throw new Error(`${label} has ${part}`);
    }
  }));
});

Deno.test("balancedWeights(): a class without a training image is named, and what to do", () => {
  const error = assertThrows(() => balancedWeights(["ant", "bee", "cow"], split([0, 2, 1], [0, 1])), HerdError);
  assertEquals(error.code, "usage");
  assertStringIncludes(error.message, "'bee' has none among the 2 that are used: give a larger --limit");
});
