import { assertAlmostEquals, assertEquals } from "@std/assert";
import { scaleByAdam } from "../../../coordinator/experiment/adam.ts";
import { centralize } from "../../../coordinator/experiment/centralize.ts";
import { chain, type GradientTransformation, scale, trace } from "../../../coordinator/experiment/optimizer.ts";
import { scaleByRms } from "../../../coordinator/experiment/rmsprop.ts";
import { tableOf } from "../../fixtures/parameters.ts";

const CHAINS: Readonly<Record<string, () => GradientTransformation>> = {
  rmsprop: () => chain(centralize(), scaleByRms(), trace(0.9), scale(-0.1)),
  sgd: () => chain(scale(-0.1), trace(0.9, { nesterov: true }), centralize()),
  adam: () => chain(centralize(), scaleByAdam(), scale(-0.1)),
};

for (const [name, make] of Object.entries(CHAINS)) {
  Deno.test(`a transformation remembers nothing: one object serves several tables and states: ${name}`, () => {
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

  Deno.test(`all that a transformation knows of earlier steps is in its state: ${name}`, () => {
    const table = tableOf([3, 2], [2]);
    const weights = new Float32Array(8);
    const [first, second] = [1, 2].map((step) => Float32Array.from({ length: 8 }, (_, i) => Math.cos(step * i + 1)));
    const transform = make();
    const state = transform.init(table);
    transform.update(first!.slice(), { state, table, weights });
    const kept = structuredClone(state);
    const updates = [{ with: transform, state }, { with: make(), state: kept }].map((one) => {
      const gradient = second!.slice();
      one.with.update(gradient, { state: one.state, table, weights });
      return gradient;
    });
    assertEquals(updates[0], updates[1]);
    assertEquals(state, kept);
  });
}

function update(transform: GradientTransformation, gradients: readonly number[]): number[] {
  const table = tableOf([1]);
  const state = transform.init(table);
  return gradients.map((g) => {
    const gradient = Float32Array.of(g);
    transform.update(gradient, { state, table, weights: new Float32Array(1) });
    return gradient[0]!;
  });
}

Deno.test("trace() adds a part of the last update, and nesterov looks one step ahead: literal values", () => {
  assertEquals(update(trace(0.5), [4, 2, 0]), [4, 4, 2]);
  assertEquals(update(trace(0.5, { nesterov: true }), [4, 2, 0]), [6, 4, 1]);
  assertEquals(update(trace(0, { nesterov: true }), [4, 2, 0]), [4, 2, 0]);
});

Deno.test("scaleByAdam() corrects the first steps for bias: a steady gradient gives updates of 1", () => {
  for (const g of update(scaleByAdam({ epsilon: 0 }), [3, 3, 3, 3])) assertAlmostEquals(g, 1, 3e-5);
});

Deno.test("scaleByAdam() goes on after more steps than a float32 counts", () => {
  const table = tableOf([1]);
  const transform = scaleByAdam();
  const state = { momentum: Float32Array.of(1), velocity: Float32Array.of(4), steps: Float32Array.of(2 ** 24) };
  const gradient = Float32Array.of(1);
  transform.update(gradient, { state, table, weights: new Float32Array(1) });
  assertEquals(gradient[0], Math.fround(1 / (Math.sqrt(Math.fround(4 - 3e-3)) + 1e-7)));
  assertEquals(state.steps[0], 2 ** 24);
});

Deno.test("chain() keeps the slots of its parts apart", () => {
  const state = chain(scaleByRms(), trace(0.9), scale(-1)).init(tableOf([2, 2]));
  assertEquals(Object.keys(state), ["0/velocity", "1/momentum"]);
});
