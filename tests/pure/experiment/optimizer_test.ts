import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import fc from "fast-check";
import {
  applyUpdate,
  centralize,
  chain,
  type GradientTransformation,
  scale,
  scaleByRms,
  trace,
} from "../../../coordinator/experiment/optimizer.ts";
import type { Parameter } from "../../../shared/model.ts";
import { float32, golden } from "../../fixtures/golden.ts";
import { granted } from "../../fixtures/permissions.ts";

const noFiles = !await granted("read"); // golden values are files

function tableOf(...shapes: number[][]): Parameter[] {
  let offset = 0;
  return shapes.map((shape, i) => {
    const size = shape.reduce((a, b) => a * b, 1);
    offset += size;
    return { name: `p${i}`, shape, offset: offset - size, size };
  });
}

function centralized(gradient: Float32Array, ...shapes: number[][]): Float32Array {
  const transform = centralize();
  const table = tableOf(...shapes);
  const result = gradient.slice();
  transform.update(result, { state: transform.init(table), table, weights: new Float32Array(gradient.length) });
  return result;
}

Deno.test("centralize() subtracts the mean of each output: literal values, [in, out]", () => {
  const result = centralized(Float32Array.of(1, 10, 3, 20, 5, 60), [3, 2]);
  assertEquals([...result], [-2, -20, 0, -10, 2, 30]);
});

Deno.test("centralize() averages over all axes but the last: HWIO", () => {
  // Shape [1, 2, 2, 1]: one output, so one mean over all four values.
  assertEquals([...centralized(Float32Array.of(1, 2, 3, 6), [1, 2, 2, 1])], [-2, -1, 0, 3]);
});

Deno.test("centralize() leaves rank 1 untouched", () => {
  assertEquals([...centralized(Float32Array.of(1, 2, 6), [3])], [1, 2, 6]);
});

Deno.test("a transformation remembers nothing: one object serves several tables and states at a time", () => {
  const make = () => chain(centralize(), scaleByRms(), trace(0.9), scale(-0.1));
  const tables = [tableOf([3, 2], [2]), tableOf([2, 2, 1, 2])];
  const shared = make();
  const runs = [shared, undefined].map((one) => {
    const runners = tables.map((table) => {
      const transform = one ?? make();
      return { transform, table, state: transform.init(table) };
    });
    return [1, 2, 3].flatMap((step) =>
      runners.map(({ transform, table, state }) => {
        const gradient = Float32Array.from({ length: 8 }, (_, i) => Math.sin(step * i));
        transform.update(gradient, { state, table, weights: new Float32Array(8) });
        return [...gradient];
      })
    );
  });
  assertEquals(runs[0], runs[1]);
});

Deno.test({
  name: "centralize() gives the golden values",
  ignore: noFiles,
  fn() {
    const file = golden("gradient_centralization");
    for (const name of ["conv_hwio", "dense_io", "bias"]) {
      const shape = [...file.tensors[`in/${name}`]!.shape];
      const expected = float32(file, `out/${name}`);
      centralized(float32(file, `in/${name}`), shape).forEach((g, i) => assertAlmostEquals(g, expected[i]!, 5e-7));
    }
  },
});

const gradients = fc.array(fc.float({ min: -1000, max: 1000, noNaN: true }), { minLength: 36, maxLength: 36 })
  .map((values) => Float32Array.from(values));

Deno.test("centralize() has zero mean for each output, is idempotent and linear", () => {
  const shape = [3, 3, 2, 2];
  fc.assert(
    fc.property(gradients, gradients, (a, b) => {
      const once = centralized(a, shape);
      for (let output = 0; output < 2; output++) {
        const sum = once.filter((_, i) => i % 2 === output).reduce((x, y) => x + y, 0);
        assertAlmostEquals(sum / 18, 0, 1e-3);
      }
      centralized(once, shape).forEach((g, i) => assertAlmostEquals(g, once[i]!, 1e-3));
      const ofSum = centralized(a.map((x, i) => x + b[i]!), shape);
      const other = centralized(b, shape);
      ofSum.forEach((g, i) => assertAlmostEquals(g, once[i]! + other[i]!, 1e-3));
    }),
    { seed: 3, numRuns: 100 },
  );
});

function weightsAfterEachStep(
  initial: Float32Array,
  steps: Float32Array,
  transform: GradientTransformation,
): Float32Array {
  const weights = initial.slice();
  const table = tableOf([6, 4]);
  const state = transform.init(table);
  const after = new Float32Array(steps.length);
  for (let start = 0; start < steps.length; start += weights.length) {
    const gradient = steps.slice(start, start + weights.length);
    transform.update(gradient, { state, weights, table });
    applyUpdate(weights, gradient);
    after.set(weights, start);
  }
  return after;
}

const OPTIMIZERS: Record<string, () => GradientTransformation> = {
  rmsprop_plain: () => chain(scaleByRms({ rho: 0.9, epsilon: 1e-7 }), trace(0), scale(-1e-2)),
  rmsprop_momentum: () => chain(scaleByRms({ rho: 0.9, epsilon: 1e-7 }), trace(0.9), scale(-1e-2)),
  rmsprop_gc: () => chain(centralize(), scaleByRms({ rho: 0.9, epsilon: 1e-7 }), trace(0), scale(-1e-2)),
};

for (const [name, make] of Object.entries(OPTIMIZERS)) {
  Deno.test({
    name: `the chain gives Keras's weights after each of six steps: ${name}`,
    ignore: noFiles,
    fn() {
      const file = golden(name);
      const expected = float32(file, "weights_after_each_step");
      const actual = weightsAfterEachStep(float32(file, "initial"), float32(file, "gradients"), make());
      actual.forEach((weight, i) => assertAlmostEquals(weight, expected[i]!, 1e-6));
      assert(actual.some((weight, i) => weight !== float32(file, "initial")[i % 24]));
    },
  });
}

Deno.test("chain() keeps the slots of its parts apart", () => {
  const state = chain(scaleByRms(), trace(0.9), scale(-1)).init(tableOf([2, 2]));
  assertEquals(Object.keys(state), ["0/velocity", "1/momentum"]);
});
