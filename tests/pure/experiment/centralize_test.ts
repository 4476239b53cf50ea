import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import fc from "fast-check";
import { centralize, type CentralizeOptions } from "../../../coordinator/experiment/centralize.ts";
import { float32, golden } from "../../fixtures/golden.ts";
import { tableOf } from "../../fixtures/parameters.ts";
import { granted } from "../../fixtures/permissions.ts";

const noFiles = !await granted("read"); // golden values are files

function centralized(gradient: Float32Array, shapes: number[][], options?: CentralizeOptions): Float32Array {
  const transform = centralize(options);
  const table = tableOf(...shapes);
  const result = gradient.slice();
  transform.update(result, { state: transform.init(table), table, weights: new Float32Array(gradient.length) });
  return result;
}

/** Equal to the last bit: −0 is not 0. */
function isSame(a: Float32Array, b: Float32Array): boolean {
  return a.length === b.length && a.every((x, i) => Object.is(x, b[i]!));
}

Deno.test("centralize() subtracts the mean of each output: literal values, [in, out]", () => {
  const result = centralized(Float32Array.of(1, 10, 3, 20, 5, 60), [[3, 2]]);
  assertEquals([...result], [-2, -20, 0, -10, 2, 30]);
});

Deno.test("centralize() averages over all axes but the last: HWIO", () => {
  // Shape [1, 2, 2, 1]: one output, so one mean over all four values.
  assertEquals([...centralized(Float32Array.of(1, 2, 3, 6), [[1, 2, 2, 1]])], [-2, -1, 0, 3]);
});

Deno.test("centralize() leaves rank 1 untouched", () => {
  assertEquals([...centralized(Float32Array.of(1, 2, 6), [[3]])], [1, 2, 6]);
});

Deno.test("centralize() with scope conv leaves dense kernels untouched too", () => {
  const gradient = Float32Array.of(1, 2, 3, 6, 1, 3, 7, 9);
  const shapes = [[1, 2, 2, 1], [2, 1], [2]];
  assertEquals([...centralized(gradient, shapes)], [-2, -1, 0, 3, -1, 1, 7, 9]);
  assertEquals([...centralized(gradient, shapes, { scope: "conv" })], [-2, -1, 0, 3, 1, 3, 7, 9]);
});

Deno.test("centralize() with a scale subtracts that part of the mean", () => {
  const gradient = Float32Array.of(1, 10, 3, 20, 5, 60);
  assertEquals([...centralized(gradient, [[3, 2]], { scale: 0.5 })], [-0.5, -5, 1.5, 5, 3.5, 45]);
});

Deno.test({
  name: "centralize() gives the golden values",
  ignore: noFiles,
  fn() {
    const file = golden("gradient_centralization");
    for (const name of ["conv_hwio", "dense_io", "bias"]) {
      const shape = [...file.tensors[`in/${name}`]!.shape];
      const expected = float32(file, `out/${name}`);
      centralized(float32(file, `in/${name}`), [shape]).forEach((g, i) => assertAlmostEquals(g, expected[i]!, 5e-7));
    }
  },
});

const gradients = fc.array(fc.float({ min: -1000, max: 1000, noNaN: true }), { minLength: 36, maxLength: 36 })
  .map((values) => Float32Array.from(values));

Deno.test("centralize() has zero mean for each output, is idempotent and linear", () => {
  const shapes = [[3, 3, 2, 2]];
  fc.assert(
    fc.property(gradients, gradients, (a, b) => {
      const once = centralized(a, shapes);
      for (let output = 0; output < 2; output++) {
        const sum = once.filter((_, i) => i % 2 === output).reduce((x, y) => x + y, 0);
        assertAlmostEquals(sum / 18, 0, 1e-3);
      }
      centralized(once, shapes).forEach((g, i) => assertAlmostEquals(g, once[i]!, 1e-3));
      const ofSum = centralized(a.map((x, i) => x + b[i]!), shapes);
      const other = centralized(b, shapes);
      ofSum.forEach((g, i) => assertAlmostEquals(g, once[i]! + other[i]!, 1e-3));
    }),
    { seed: 3, numRuns: 100 },
  );
});

Deno.test("centralize() with scale 0 changes no bit, with scale 1 it is the plain one", () => {
  fc.assert(
    fc.property(gradients, (gradient) => {
      for (const shapes of [[[3, 3, 2, 2]], [[9, 4]]]) {
        assert(isSame(centralized(gradient, shapes, { scale: 0 }), gradient));
        assert(isSame(centralized(gradient, shapes, { scale: 1 }), centralized(gradient, shapes)));
      }
    }),
    { seed: 4, numRuns: 100 },
  );
  // 0 times a negative mean is −0, which a gradient of −0 must outlive.
  const zeros = Float32Array.of(-0, 0, -4, -2);
  assert(isSame(centralized(zeros, [[2, 2]], { scale: 0 }), zeros));
});
