// Any number of classes, with class weights and without: every engine against Keras for five classes, and against the
// float64 reference for two to twelve.
import { assertEquals, assertLess } from "@std/assert";
import fc from "fast-check";
import { builtInModel, type ModelSpec, parameterCount, parameterTable } from "../../../shared/model.ts";
import type { EngineOptions, Leaf, Sample } from "../../../worker/engine.ts";
import { createEngine } from "../../../worker/engines.ts";
import {
  errorsByParameter,
  HAS_WEBGPU,
  leafPredictions,
  leafSum,
  noiseLeaves,
  relativeError,
  smallModel,
  WEBGPU_ENGINES,
} from "../../fixtures/engines.ts";
import { float32, golden } from "../../fixtures/golden.ts";
import { weightsWithBiases } from "../../fixtures/networks.ts";
import { granted } from "../../fixtures/permissions.ts";
import { referenceGradients } from "../../fixtures/reference.ts";

const CAN_READ = await granted("read");

/** How many random networks are tried of each: those of webgpu are compiled. */
const ENGINES = [
  ...(["simd", "tfjs-cpu", "tfjs-webgpu"] as const).map((name) => ({
    name,
    ignore: name === "tfjs-webgpu" && !HAS_WEBGPU,
    runs: name === "simd" ? 30 : name === "tfjs-cpu" ? 8 : 2,
    create: (options: EngineOptions) => createEngine(name, options),
  })),
  ...WEBGPU_ENGINES.map((engine) => ({ ...engine, runs: 3 })),
];

/** The network of five_classes.py: `tiny` without dropout. */
function fiveClasses(): ModelSpec {
  const { layers, ...rest } = builtInModel("tiny", 24, 5);
  const withoutDropout = layers.map((layer) =>
    layer.kind === "conv"
      ? { kind: layer.kind, filters: layer.filters }
      : { kind: layer.kind, units: layer.units, activation: layer.activation }
  );
  return { ...rest, layers: withoutDropout };
}

/** What Keras made of it. Gradients are of the sum, Keras's are of the mean. */
function fromKeras(spec: ModelSpec) {
  const file = golden("five_classes");
  const labels = float32(file, "labels");
  const bytes = file.tensors["images"]!.data as Uint8Array;
  const length = spec.imageSize ** 2 * 3;
  const flat = (prefix: string, scale: number) => {
    const values = new Float32Array(parameterCount(spec));
    for (const { name, offset } of parameterTable(spec)) {
      values.set(float32(file, `${prefix}/${name}`).map((value) => scale * value), offset);
    }
    return values;
  };
  const samples = Array.from(labels, (label, id): Sample => ({
    id,
    label,
    pixels: bytes.subarray(id * length, (id + 1) * length),
  }));
  return {
    leaf: { index: 0, seed: 0, epoch: 1, samples },
    weights: flat("weights", 1),
    classWeights: [...float32(file, "class_weights")],
    logits: float32(file, "logits"),
    losses: float32(file, "losses"),
    gradient: flat("gradients", samples.length),
    weighted: {
      losses: float32(file, "weighted/losses"),
      gradient: flat("weighted/gradients", samples.length),
      meanLoss: Number(file.metadata["weighted_loss"]),
    },
  };
}

for (const { name, ignore, create } of ENGINES) {
  Deno.test({
    name:
      `${name}: five classes are Keras's, with class weights and without (skips without read permission or adapter)`,
    ignore: !CAN_READ || ignore,
    async fn() {
      const spec = fiveClasses();
      const keras = fromKeras(spec);
      const options = { spec, microBatch: keras.leaf.samples.length, augment: false };
      for (const classWeights of [undefined, keras.classWeights]) {
        await using engine = await create({ ...options, ...classWeights === undefined ? {} : { classWeights } });
        engine.setWeights(keras.weights);
        const expected = classWeights === undefined ? keras : keras.weighted;
        const sum = await leafSum(engine, keras.leaf);
        for (const { name, error } of errorsByParameter(spec, expected.gradient, sum.gradient)) {
          assertLess(error, 1e-4, name);
        }
        assertLess(relativeError(expected.losses, sum.losses), 1e-5);
        assertLess(relativeError(keras.logits, sum.logits), 1e-5);
        const tested = await leafPredictions(engine, keras.leaf);
        assertLess(relativeError(keras.losses, tested.losses), 1e-5, "a test's losses are not weighted");
        if (classWeights === undefined) continue;
        const mean = sum.losses.reduce((a, b) => a + b, 0) / sum.losses.length;
        assertLess(Math.abs(mean / keras.weighted.meanLoss - 1), 1e-6, "the mean is by the number of samples");
      }
    },
  });
}

const anyClasses = fc.record({
  classes: fc.integer({ min: 2, max: 12 }),
  seed: fc.nat(1000),
  weight: fc.option(fc.integer({ min: 1, max: 9 }), { nil: undefined }),
});

for (const { name, ignore, runs, create } of ENGINES) {
  Deno.test({
    name: `${name}: two to twelve classes are the reference's, with class weights and without (skips without adapter)`,
    ignore,
    async fn() {
      await fc.assert(
        fc.asyncProperty(anyClasses, async ({ classes, seed, weight }) => {
          const spec = smallModel(20, classes);
          const classWeights = weight === undefined
            ? undefined
            : Array.from({ length: classes }, (_, label) => Math.fround((label + 1) / weight));
          const weights = weightsWithBiases(spec, seed);
          const leaf: Leaf = { ...noiseLeaves(spec.imageSize, [7], classes)[0]!, seed };
          const given = classWeights === undefined ? {} : { classWeights };
          const expected = referenceGradients(spec, weights, leaf, { augment: true, ...given });
          // Nearer than float32 can tell: either choice is right, and the gradients differ.
          fc.pre(expected.margin > 1e-5);
          await using engine = await create({ spec, microBatch: 8, augment: true, ...given });
          engine.setWeights(weights);
          const sum = await leafSum(engine, leaf);
          const gradient = Float32Array.from(expected.gradient);
          for (const { name, error } of errorsByParameter(spec, gradient, sum.gradient)) assertLess(error, 1e-4, name);
          assertLess(relativeError(expected.losses, sum.losses), 1e-5);
          assertLess(relativeError(expected.logits, sum.logits), 1e-5);
          assertEquals(sum.logits.length, 7 * classes);
        }),
        { seed: 4, numRuns: runs, endOnFailure: true },
      );
    },
  });
}
