import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import fc from "fast-check";
import { centralize } from "../../../coordinator/experiment/centralize.ts";
import { cosineOf, observe } from "../../../coordinator/experiment/kernel_figures.ts";
import { tableOf } from "../../fixtures/parameters.ts";

// A convolution kernel of one output, a dense kernel of two, and a bias.
const TABLE = tableOf([1, 2, 1, 1], [2, 2], [2]);
const STEP = {
  gradient: Float32Array.of(3, 4, 1, -1, 1, 1, 9, 9),
  update: Float32Array.of(0, -2, 5, 0, 0, 12, 9, 9),
  weights: Float32Array.of(6, 8, 1, 2, 3, 6, 9, 9),
  table: TABLE,
};

Deno.test("observe() has the figures of every kernel, and of no bias: literal values", () => {
  assertEquals(observe({ ...STEP, scope: "all" }), [
    {
      kernel: "p0",
      gradientNorm: 5,
      removedShare: Math.sqrt(3.5 * 3.5 * 2) / 5,
      weightNorm: 10,
      kernelMean: 7,
      updateNorm: 2,
    },
    // The outputs' gradients are 1, 1 (all of it is mean) and −1, 1 (nothing is).
    {
      kernel: "p1",
      gradientNorm: 2,
      removedShare: Math.sqrt(2) / 2,
      weightNorm: Math.sqrt(50),
      kernelMean: 3,
      updateNorm: 13,
    },
  ]);
});

Deno.test("observe() with scope conv says that nothing is taken from a dense kernel", () => {
  const [all, conv] = (["all", "conv"] as const).map((scope) => observe({ ...STEP, scope }));
  assertEquals(conv, [all![0]!, { ...all![1]!, removedShare: 0 }]);
});

Deno.test("observe() of a gradient of zeros says that nothing is taken away", () => {
  const zeros = new Float32Array(8);
  for (const { gradientNorm, removedShare } of observe({ ...STEP, gradient: zeros, scope: "all" })) {
    assertEquals([gradientNorm, removedShare], [0, 0]);
  }
});

const values = fc.array(fc.float({ min: -1000, max: 1000, noNaN: true }), { minLength: 8, maxLength: 8 })
  .map((numbers) => Float32Array.from(numbers));

Deno.test("the removed share is that of what centralize() takes away, at right angles to what it leaves", () => {
  fc.assert(
    fc.property(values, (gradient) => {
      const left = gradient.slice();
      centralize().update(left, { state: {}, weights: gradient, table: TABLE });
      const taken = gradient.map((g, i) => g - left[i]!);
      const [whole, ofTaken, ofLeft] = [gradient, taken, left].map((one) =>
        observe({ ...STEP, gradient: one, scope: "all" })
      );
      whole!.forEach(({ gradientNorm, removedShare }, i) => {
        assertAlmostEquals(removedShare * gradientNorm, ofTaken![i]!.gradientNorm, 1e-3);
        const sum = ofTaken![i]!.gradientNorm ** 2 + ofLeft![i]!.gradientNorm ** 2;
        assertAlmostEquals(sum, gradientNorm ** 2, 1e-5 * gradientNorm ** 2 + 1e-6);
        assert(removedShare >= 0 && removedShare <= 1);
      });
    }),
    { seed: 11, numRuns: 200 },
  );
});

Deno.test("cosineOf() is of one kernel alone: literal values, and null without a direction", () => {
  const [conv, dense] = TABLE;
  const other = Float32Array.of(-4, 3, -1, 1, -1, -1, 7, 0);
  assertEquals(cosineOf(STEP.gradient, other, conv!), 0);
  assertEquals(cosineOf(STEP.gradient, other, dense!), -1);
  assertAlmostEquals(cosineOf(STEP.gradient, STEP.weights, conv!)!, 1, 1e-15);
  assertEquals(cosineOf(STEP.gradient, new Float32Array(8), conv!), null);
  assertEquals(cosineOf(STEP.gradient, new Float32Array(8).fill(NaN), conv!), null);
});

Deno.test("the cosine of an array with itself is exactly 1", () => {
  fc.assert(
    fc.property(values, (gradient) => {
      const [conv] = TABLE;
      assertEquals(cosineOf(gradient, gradient, conv!), gradient[0] === 0 && gradient[1] === 0 ? null : 1);
    }),
    { seed: 12, numRuns: 200 },
  );
});
