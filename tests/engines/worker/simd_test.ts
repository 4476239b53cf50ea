// The SIMD engine against the float64 reference on random networks, against Keras, and against itself.
import { assert, assertEquals, assertLess, assertRejects } from "@std/assert";
import fc from "fast-check";
import { initialWeights } from "../../../shared/initial_weights.ts";
import { builtInModel, type LayerSpec, leastImageSize, type ModelSpec, parameterTable } from "../../../shared/model.ts";
import { addInto, type NodeId } from "../../../shared/tree.ts";
import { permutation, Purpose, threefry } from "../../../shared/threefry.ts";
import type { PartialSum } from "../../../shared/sums.ts";
import type { GradientEngine, Leaf, Sample } from "../../../worker/engine.ts";
import { createSimdEngine } from "../../../worker/simd/mod.ts";
import { leafPredictions } from "../../fixtures/engines.ts";
import { float32, golden } from "../../fixtures/golden.ts";
import { granted } from "../../fixtures/permissions.ts";
import { referenceEvaluate, referenceGradients } from "../../fixtures/reference.ts";

const FOLDER = new URL("../../../worker/simd/", import.meta.url);

function noise(size: number, seed: number): Uint8Array {
  return Uint8Array.from({ length: size * size * 3 }, (_, i) => threefry(seed, 99, 0, i)[0] >>> 24);
}

function leafOf(spec: ModelSpec, { index = 0, count = 3, seed = 1 }): Leaf {
  const classes = Math.max(spec.classes, 2);
  const samples = Array.from({ length: count }, (_, i): Sample => {
    const id = 10 * index + i;
    return { id, label: id % classes, pixels: noise(spec.imageSize, seed + id) };
  });
  return { index, seed, epoch: 2, samples };
}

/** Initial weights with biases that are not 0. */
function weightsOf(spec: ModelSpec, seed: number): Float32Array {
  const weights = initialWeights(spec, seed);
  return weights.map((weight, i) => weight === 0 ? (threefry(seed, 98, 0, i)[0] / 2 ** 32 - 0.4) * 0.1 : weight);
}

async function gradientsOf(engine: GradientEngine, leaves: readonly Leaf[], node: NodeId): Promise<PartialSum> {
  for await (const sum of engine.gradients(leaves.length, leaves, [node])) {
    return { ...sum, gradient: sum.gradient.slice() };
  }
  throw new Error("no partial sum");
}

const LEAF: NodeId = { level: 0, index: 0 };

/** Largest difference within a tensor, over its largest entry. */
function worstDifference(
  spec: ModelSpec,
  actual: Float32Array,
  expected: ArrayLike<number>,
): { name: string; error: number } {
  let worst = { name: "none", error: 0 };
  for (const { name, offset, size } of parameterTable(spec)) {
    let difference = 0;
    let largest = 1e-30;
    for (let i = offset; i < offset + size; i++) {
      // A comparison with NaN is false: count it as infinitely wrong.
      const d = Math.abs(actual[i]! - expected[i]!);
      difference = d <= difference ? difference : Number.isNaN(d) ? Infinity : d;
      largest = Math.max(largest, Math.abs(expected[i]!));
    }
    if (difference / largest > worst.error) worst = { name, error: difference / largest };
  }
  return worst;
}

const rate = fc.constantFrom(0, 0.25, 0.5, 0.7);

/** Networks with every kind of padding: odd images, few filters, one unit, several dense layers, or no block at all. */
const anySpec: fc.Arbitrary<ModelSpec> = fc.record({
  blocks: fc.array(fc.record({ filters: fc.integer({ min: 1, max: 20 }), dropout: rate }), { maxLength: 3 }),
  hidden: fc.array(fc.record({ units: fc.integer({ min: 1, max: 60 }), dropoutBefore: rate, relu: fc.boolean() }), {
    maxLength: 2,
  }),
  lastDropout: rate,
  classes: fc.integer({ min: 1, max: 4 }),
  extra: fc.integer({ min: 0, max: 48 }),
}).map(({ blocks, hidden, lastDropout, classes, extra }) => ({
  imageSize: Math.min(Math.max(leastImageSize(blocks.length) + extra, 16), 48),
  channels: 3,
  classes,
  layers: [
    ...blocks.map(({ filters, dropout }): LayerSpec => ({ kind: "conv", filters, ...(dropout ? { dropout } : {}) })),
    ...hidden.map(({ units, dropoutBefore, relu }): LayerSpec => ({
      kind: "dense",
      units,
      dropoutBefore,
      activation: relu ? "relu" : "none",
    })),
    { kind: "dense", units: classes, dropoutBefore: lastDropout, activation: "none" },
  ],
}));

Deno.test("simd: gradients, losses and logits are the reference's on random networks", async () => {
  await fc.assert(
    fc.asyncProperty(anySpec, fc.integer({ min: 1, max: 9 }), fc.integer({ min: 0, max: 1000 }), fc.boolean(), async (
      spec,
      count,
      seed,
      augment,
    ) => {
      const weights = weightsOf(spec, seed);
      const leaf = leafOf(spec, { count, seed });
      const expected = referenceGradients(spec, weights, leaf, { augment });
      // Nearer than float32 coordinates and sums can tell: either choice is right, and the gradients differ.
      fc.pre(expected.margin > 1e-5);
      await using engine = await createSimdEngine({ spec, microBatch: count + 1, augment });
      engine.setWeights(weights);
      const actual = await gradientsOf(engine, [leaf], LEAF);
      const { name, error } = worstDifference(spec, actual.gradient, expected.gradient);
      assert(error < 1e-4, `${name} differs by ${error} of its largest entry`);
      expected.losses.forEach((loss, i) => assert(Math.abs(actual.losses[i]! - loss) < 1e-5, `loss ${i}`));
      expected.logits.forEach((logit, i) => assert(Math.abs(actual.logits[i]! - logit) < 1e-5, `logit ${i}`));
    }),
    { seed: 7, numRuns: 30 },
  );
});

Deno.test("simd: evaluate() neither augments nor drops", async () => {
  const spec = builtInModel("tiny", 33);
  const weights = weightsOf(spec, 3);
  const leaf = leafOf(spec, { count: 4 });
  await using engine = await createSimdEngine({ spec, microBatch: 4, augment: true });
  engine.setWeights(weights);
  const { losses, logits } = await leafPredictions(engine, leaf);
  const expected = referenceEvaluate(spec, weights, leaf.samples);
  expected.losses.forEach((loss, i) => assert(Math.abs(losses[i]! - loss) < 1e-5));
  expected.logits.forEach((logit, i) => assert(Math.abs(logits[i]! - logit) < 1e-5));
});

Deno.test("simd: the gradient of a small network is Keras's", {
  ignore: !await granted("read"), // reads the golden values
}, async () => {
  const file = golden("model_small_70px");
  const { layers, ...rest } = builtInModel("tiny", 70);
  const spec: ModelSpec = {
    ...rest,
    layers: layers.map((layer) =>
      layer.kind === "conv"
        ? { kind: "conv", filters: layer.filters }
        : { kind: "dense", units: layer.units, activation: layer.activation }
    ),
  };
  const weights = initialWeights(spec, 0);
  const expected = new Float32Array(weights.length);
  for (const { name, offset } of parameterTable(spec)) {
    weights.set(float32(file, `weights/${name}`), offset);
    expected.set(float32(file, `gradients/${name}`), offset);
  }
  const labels = file.tensors["labels"]!.data;
  const images = file.tensors["images"]!.data as Uint8Array;
  const pixels = images.length / labels.length;
  const samples = Array.from(labels, (label, id) => ({
    id,
    label,
    pixels: images.slice(id * pixels, (id + 1) * pixels),
  }));
  await using engine = await createSimdEngine({ spec, microBatch: 8, augment: false });
  engine.setWeights(weights);
  const leaf = { index: 0, seed: 0, epoch: 1, samples };
  const { gradient } = await gradientsOf(engine, [leaf], LEAF);
  const { name, error } = worstDifference(spec, gradient.map((sum) => sum / samples.length), expected);
  // One pooling window's two greatest values differ by 2·10⁻⁸: float32 with fused multiply-adds decides as Keras did, float64
  // (and perhaps a processor that does not fuse) the other way, which moves one gradient.
  const float64 = referenceGradients(spec, weights, leaf, { augment: false });
  assertLess(float64.margin, 1e-7);
  const other = worstDifference(spec, gradient, float64.gradient);
  assert(Math.min(error, other.error) < 1e-4, `${name} differs by ${error} of its largest entry`);
});

Deno.test("simd: the same leaves give the same bits, and a node is the tree sum of its leaves", async () => {
  const spec = builtInModel("tiny", 40);
  await using engine = await createSimdEngine({ spec, microBatch: 3, augment: true });
  engine.setWeights(weightsOf(spec, 5));
  const leaves = [0, 1, 2, 3, 4].map((index) => leafOf(spec, { index, count: index === 4 ? 1 : 3 }));
  const root = await gradientsOf(engine, leaves, { level: 3, index: 0 });
  assertEquals(await gradientsOf(engine, leaves, { level: 3, index: 0 }), root);
  assertEquals(root.losses.length, 13);
  const single = [];
  for await (const { gradient } of engine.gradients(5, leaves, leaves.map(({ index }) => ({ level: 0, index })))) {
    single.push(gradient.slice());
  }
  const [a, b, c, d, e] = single as [Float32Array, Float32Array, Float32Array, Float32Array, Float32Array];
  addInto(a, b);
  addInto(c, d);
  addInto(a, c);
  addInto(a, e);
  assertEquals(a, root.gradient);
});

Deno.test("simd: a sample's logits do not depend on its neighbours or on earlier work", async () => {
  const spec = builtInModel("tiny", 45);
  const weights = weightsOf(spec, 6);
  await using engine = await createSimdEngine({ spec, microBatch: 7, augment: true });
  engine.setWeights(weights);
  const leaf = leafOf(spec, { count: 7 });
  const { logits } = await gradientsOf(engine, [leaf], LEAF);
  for (const i of permutation(7, 1, Purpose.order, 1)) {
    const alone = await gradientsOf(engine, [{ ...leaf, samples: [leaf.samples[i]!] }], LEAF);
    assertEquals(alone.logits[0], logits[i]);
  }
});

Deno.test("simd: the plain build agrees with the relaxed one", async () => {
  const spec = builtInModel("tiny", 48);
  const leaf = leafOf(spec, { count: 4 });
  const results = [];
  for (const variant of ["relaxed", "plain"] as const) {
    await using engine = await createSimdEngine({ spec, microBatch: 4, augment: true }, variant);
    engine.setWeights(weightsOf(spec, 8));
    results.push({ ...await gradientsOf(engine, [leaf], LEAF), kernels: engine.kernels });
  }
  const [relaxed, plain] = results as [typeof results[0] & object, typeof results[0] & object];
  const { name, error } = worstDifference(spec, plain.gradient, relaxed.gradient);
  assert(error < 1e-5, `${name} differs by ${error} of its largest entry`);
  assert(relaxed.kernels !== plain.kernels);
});

Deno.test("simd: an image of 512 px passes, and its loss is the reference's", async () => {
  const { layers, ...rest } = builtInModel("keras-example", 512);
  const spec: ModelSpec = {
    ...rest,
    layers: [{ kind: "conv", filters: 5 }, ...layers.slice(1, 3), ...layers.slice(-1)],
  };
  const weights = weightsOf(spec, 2);
  const leaf = leafOf(spec, { count: 1 });
  await using engine = await createSimdEngine({ spec, microBatch: 1, augment: false });
  engine.setWeights(weights);
  const { losses } = await leafPredictions(engine, leaf);
  assert(Math.abs(losses[0]! - referenceEvaluate(spec, weights, leaf.samples).losses[0]!) < 1e-4);
  const { gradient } = await gradientsOf(engine, [leaf], LEAF);
  assert(gradient.every(Number.isFinite) && gradient.some((value) => value !== 0));
});

Deno.test("simd: weights that are not numbers show in the loss", async () => {
  const spec = builtInModel("tiny", 32);
  await using engine = await createSimdEngine({ spec, microBatch: 1, augment: false });
  engine.setWeights(weightsOf(spec, 1).fill(NaN));
  const { losses } = await leafPredictions(engine, leafOf(spec, { count: 1 }));
  assertEquals(losses[0], NaN);
});

Deno.test("simd: a leaf that is too large, or an image of another size, is refused", async () => {
  const spec = builtInModel("tiny", 32);
  await using engine = await createSimdEngine({ spec, microBatch: 2, augment: false });
  await assertRejects(() => gradientsOf(engine, [leafOf(spec, { count: 3 })], LEAF), RangeError, "3 samples");
  const small = leafOf({ ...spec, imageSize: 31 }, { count: 1 });
  await assertRejects(() => gradientsOf(engine, [small], LEAF), RangeError, "bytes");
});

Deno.test("simd: the committed modules are what their sources compile to", {
  // The compiler reads the sources, and its own files and the environment as soon as it is loaded.
  ignore: !await granted("read", "env"),
}, async () => {
  const { buildKernels, VARIANTS } = await import("../../../worker/simd/build.ts");
  for (const { file, features } of VARIANTS) {
    const built = await buildKernels(features);
    const committed = await Deno.readFile(new URL(file, FOLDER));
    assert(
      built.length === committed.length && built.every((byte, i) => byte === committed[i]),
      `${file} is out of date: run deno task build:simd`,
    );
  }
});
