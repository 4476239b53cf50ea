import { assert, assertAlmostEquals, assertEquals, assertLess, assertRejects } from "@std/assert";
import * as tf from "@tensorflow/tfjs";
import { initialWeights } from "../../../shared/initial_weights.ts";
import { type ModelSpec, parameterCount, parameterTable } from "../../../shared/model.ts";
import { threefry } from "../../../shared/threefry.ts";
import { addInto, childrenOf, type NodeId, nodeRange, rootOf } from "../../../shared/tree.ts";
import type { Sample } from "../../../worker/engine.ts";
import { createEngine } from "../../../worker/engines.ts";
import {
  leafPredictions,
  leafSum,
  noiseLeaves,
  noiseSample,
  relativeError,
  smallModel,
  sums,
  TFJS_ENGINES,
} from "../../fixtures/engines.ts";
import { derivative } from "../../fixtures/float64_forward.ts";

for (const { name, ignore } of TFJS_ENGINES) {
  for (const classes of [1, 3]) {
    Deno.test({
      name: `${name}: gradients() agrees with float64 finite differences for ${classes} class(es)`,
      ignore,
      async fn() {
        const spec = smallModel(16, classes);
        const weights = initialWeights(spec, 5);
        const [leaf] = noiseLeaves(16, [3], classes);
        await using engine = await createEngine(name, { spec, microBatch: 4, augment: true });
        engine.setWeights(weights);
        const { gradient } = await leafSum(engine, leaf!);
        for (const { name: parameter, offset, size } of parameterTable(spec)) {
          const indices = Array.from(
            { length: Math.min(size, 12) },
            (_, i) => offset + (size <= 12 ? i : threefry(1, 2, offset, i)[0] % size),
          );
          const expected = indices.map((index) => derivative(spec, weights, leaf!, index, true));
          assert(expected.some((value) => value !== 0), `${parameter} has no gradient: the test shows nothing`);
          const error = relativeError(expected, indices.map((index) => gradient[index]!));
          assertLess(error, 1e-4, `${parameter} differs`);
        }
      },
    });
  }

  Deno.test({
    name: `${name}: a node's sum is its leaves' sums added along the tree, bit for bit`,
    ignore,
    async fn() {
      const spec = smallModel(16);
      const leaves = noiseLeaves(16, [2, 2, 2, 2, 1]);
      await using engine = await createEngine(name, { spec, microBatch: 2, augment: true });
      engine.setWeights(initialWeights(spec, 0));
      const single = await sums(engine, 5, leaves, leaves.map(({ index }) => ({ level: 0, index })));
      const expected = (node: NodeId): Float32Array => {
        const children = childrenOf(5, node);
        if (!children) return single[nodeRange(5, node).start]!.gradient.slice();
        const sum = expected(children[0]);
        addInto(sum, expected(children[1]));
        return sum;
      };
      const nodes: NodeId[] = [rootOf(5), { level: 2, index: 0 }, { level: 1, index: 1 }, { level: 0, index: 4 }];
      for (const { node, gradient, losses, logits } of await sums(engine, 5, leaves, nodes)) {
        const { start, end } = nodeRange(5, node);
        assertEquals(gradient, expected(node));
        assertEquals([...logits], single.slice(start, end).flatMap((sum) => [...sum.logits]));
        assertEquals([...losses], single.slice(start, end).flatMap((sum) => [...sum.losses]));
      }
    },
  });

  Deno.test({
    name: `${name}: a sample's gradient does not depend on the leaf's index or on what ran before`,
    ignore,
    async fn() {
      const spec = smallModel(16);
      const leaves = noiseLeaves(16, [3, 1]);
      await using engine = await createEngine(name, { spec, microBatch: 3, augment: true });
      engine.setWeights(initialWeights(spec, 0));
      const [, inStep] = await sums(engine, 2, leaves, [{ level: 0, index: 0 }, { level: 0, index: 1 }]);
      const alone = await leafSum(engine, leaves[1]!);
      assertEquals(alone.gradient, inStep!.gradient);
      assertEquals(alone.logits, inStep!.logits);
    },
  });

  Deno.test({
    name: `${name}: setWeights() copies, evaluate() neither augments nor drops`,
    ignore,
    async fn() {
      const spec = smallModel(16);
      const weights = initialWeights(spec, 0);
      const [leaf] = noiseLeaves(16, [3]);
      await using engine = await createEngine(name, { spec, microBatch: 3, augment: true });
      engine.setWeights(weights);
      const before = await leafPredictions(engine, leaf!);
      assertEquals(await leafPredictions(engine, { ...leaf!, seed: 9, epoch: 9 }), before);
      engine.setWeights(weights);
      weights.fill(0);
      assertEquals(await leafPredictions(engine, leaf!), before);
      engine.setWeights(weights);
      const { losses, logits } = await leafPredictions(engine, leaf!);
      assertEquals([...logits], [0, 0, 0]);
      for (const loss of losses) assertAlmostEquals(loss, Math.LN2, 1e-7);
    },
  });

  Deno.test({
    name: `${name}: the first of equal maxima in row order gets the pool's gradient`,
    ignore,
    async fn() {
      // The kernel sees red alone, red is flat, so all windows tie; the kernel's gradient for green tells who has won.
      const size = 10;
      const spec: ModelSpec = {
        imageSize: size,
        channels: 3,
        layers: [{ kind: "conv", filters: 1 }, { kind: "dense", units: 1, activation: "none" }],
        classes: 1,
      };
      const weights = new Float32Array(parameterCount(spec));
      weights[(4 * 3) + 0] = 0.01;
      weights.fill(1, 28, 28 + 16);
      const pixels = noiseSample(size, 0).pixels;
      for (let i = 0; i < pixels.length; i += 3) pixels[i] = 200;
      const sample: Sample = { id: 0, label: 1, pixels };
      await using engine = await createEngine(name, { spec, microBatch: 1, augment: false });
      engine.setWeights(weights);
      const { gradient, logits } = await leafSum(engine, { index: 0, seed: 0, epoch: 1, samples: [sample] });
      const slope = 1 / (1 + Math.exp(-logits[0]!)) - 1;
      const green = (shift: number) =>
        Array.from({ length: 9 }, (_, tap) => {
          let sum = 0;
          for (let window = 0; window < 16; window++) {
            const row = 2 * Math.floor(window / 4) + Math.floor(tap / 3) + shift;
            const column = 2 * (window % 4) + tap % 3 + shift;
            sum += pixels[(row * size + column) * 3 + 1]! / 255;
          }
          return slope * sum;
        });
      const actual = Array.from({ length: 9 }, (_, tap) => gradient[tap * 3 + 1]!);
      assertLess(relativeError(green(0), actual), 1e-5);
      assert(
        relativeError(green(1), actual) > 1e-2,
        "the last maximum gives the same gradient: the test shows nothing",
      );
    },
  });

  Deno.test({
    name: `${name}: the number of tensors stays the same over 50 steps, and none is left`,
    ignore,
    async fn() {
      const spec = smallModel(16);
      const weights = initialWeights(spec, 0);
      const leaves = noiseLeaves(16, [2, 1, 1]);
      const before = tf.engine().state.numTensors;
      {
        await using engine = await createEngine(name, { spec, microBatch: 2, augment: true });
        const counts = new Set<number>();
        for (let step = 0; step < 50; step++) {
          engine.setWeights(weights);
          await sums(engine, 3, leaves, [rootOf(3)]);
          await leafPredictions(engine, leaves[0]!);
          counts.add(tf.engine().state.numTensors);
        }
        assertEquals([...counts], [before + parameterTable(spec).length]);
      }
      assertEquals(tf.engine().state.numTensors, before);
    },
  });

  Deno.test({
    name: `${name}: what cannot be computed is refused`,
    ignore,
    async fn() {
      const spec = smallModel(16);
      const [leaf] = noiseLeaves(16, [2]);
      await using engine = await createEngine(name, { spec, microBatch: 2, augment: false });
      await assertRejects(() => leafPredictions(engine, leaf!), Error, "weights");
      engine.setWeights(initialWeights(spec, 0));
      const small = noiseSample(8, 0);
      await assertRejects(() => leafPredictions(engine, { ...leaf!, samples: [small] }), RangeError, "192 bytes");
      const mislabelled = { ...leaf!, samples: [{ ...leaf!.samples[0]!, label: 2 }] };
      await assertRejects(() => leafSum(engine, mislabelled), RangeError, "class 2");
      await assertRejects(() => sums(engine, 2, [leaf!], [rootOf(2)]), RangeError, "Leaf 1");
    },
  });
}
