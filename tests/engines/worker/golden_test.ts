import { assertEquals, assertLess } from "@std/assert";
import { type ModelSpec, parameterCount, parameterTable } from "../../../shared/model.ts";
import type { EngineOptions, Sample } from "../../../worker/engine.ts";
import { createEngine } from "../../../worker/engines.ts";
import {
  errorsByParameter,
  HAS_WEBGPU,
  leafPredictions,
  leafSum,
  relativeError,
  WEBGPU_ENGINES,
} from "../../fixtures/engines.ts";
import { float32, golden } from "../../fixtures/golden.ts";
import { granted } from "../../fixtures/permissions.ts";

const CAN_READ = await granted("read");

/** The network of model_small_70px without dropout, as the golden gradient was taken. */
const SPEC: ModelSpec = {
  imageSize: 70,
  channels: 3,
  layers: [
    { kind: "conv", filters: 4 },
    { kind: "conv", filters: 8 },
    { kind: "conv", filters: 8 },
    { kind: "dense", units: 16, activation: "relu" },
    { kind: "dense", units: 1, activation: "none" },
  ],
  classes: 1,
};
const IMAGES = 5;

/** Weights, samples and the gradient of the summed loss (Keras' is that of the mean). */
function smallModel() {
  const file = golden("model_small_70px");
  const weights = new Float32Array(parameterCount(SPEC));
  const gradient = new Float32Array(weights.length);
  for (const { name, offset } of parameterTable(SPEC)) {
    weights.set(float32(file, `weights/${name}`), offset);
    gradient.set(float32(file, `gradients/${name}`).map((value) => value * IMAGES), offset);
  }
  const bytes = file.tensors.images!.data as Uint8Array;
  const labels = float32(file, "labels");
  const samples = Array.from({ length: IMAGES }, (_, id): Sample => ({
    id,
    label: labels[id]!,
    pixels: bytes.subarray(id * 70 * 70 * 3, (id + 1) * 70 * 70 * 3),
  }));
  const meanLoss = Number(file.metadata.mean_loss);
  return { weights, gradient, samples, meanLoss, probabilities: float32(file, "probabilities") };
}

const leafOf = (samples: readonly Sample[]) => ({ index: 0, seed: 0, epoch: 1, samples });
const sigmoid = (logits: Float32Array) => Array.from(logits, (z) => 1 / (1 + Math.exp(-z)));
const mean = (values: Float32Array) => values.reduce((a, b) => a + b, 0) / values.length;

Deno.test({
  name: "tfjs-cpu: the whole gradient agrees with Keras (skips without read permission)",
  ignore: !CAN_READ,
  async fn() {
    const { weights, gradient, samples, meanLoss, probabilities } = smallModel();
    await using engine = await createEngine("tfjs-cpu", { spec: SPEC, microBatch: IMAGES, augment: false });
    engine.setWeights(weights);
    const sum = await leafSum(engine, leafOf(samples));
    for (const { name, error } of errorsByParameter(SPEC, gradient, sum.gradient)) assertLess(error, 1e-5, name);
    assertLess(relativeError(probabilities, sigmoid(sum.logits)), 1e-6);
    assertLess(Math.abs(mean(sum.losses) / meanLoss - 1), 1e-6);
    const { logits, losses } = await leafPredictions(engine, leafOf(samples));
    assertEquals([logits, losses], [sum.logits, sum.losses]);
  },
});

// In image 1 the two greatest values of one pool window of block 3 differ by 9e-8, less than the rounding of a float32 forward
// pass: which of them gets the gradient is an engine's own affair. So its part is taken from tfjs-cpu, which has been held
// against Keras above, and the other four are compared.
const ON_GPU = [
  {
    name: "tfjs-webgpu",
    ignore: !HAS_WEBGPU,
    create: (options: EngineOptions) => createEngine("tfjs-webgpu", options),
  },
  ...WEBGPU_ENGINES,
];

for (const { name, ignore, create } of ON_GPU) {
  Deno.test({
    name: `${name}: the gradient agrees with Keras (skips without read permission or adapter)`,
    ignore: !CAN_READ || ignore,
    async fn() {
      const { weights, gradient, samples, meanLoss, probabilities } = smallModel();
      const close = samples.filter(({ id }) => id === 1);
      const others = samples.filter(({ id }) => id !== 1);
      const options = { spec: SPEC, microBatch: IMAGES, augment: false };
      await using cpu = await createEngine("tfjs-cpu", options);
      await using webgpu = await create(options);
      cpu.setWeights(weights);
      webgpu.setWeights(weights);
      const fromCpu = (await leafSum(cpu, leafOf(close))).gradient;
      const expected = gradient.map((value, i) => value - fromCpu[i]!);
      const actual = (await leafSum(webgpu, leafOf(others))).gradient;
      for (const { name, error } of errorsByParameter(SPEC, expected, actual)) assertLess(error, 1e-4, name);
      const { gradient: all, logits, losses } = await leafSum(webgpu, leafOf(samples));
      assertLess(relativeError(probabilities, sigmoid(logits)), 1e-6);
      assertLess(Math.abs(mean(losses) / meanLoss - 1), 1e-6);
      // The layers after that window, and the bias before it, do not ask where in the window the gradient goes.
      for (const { name, error } of errorsByParameter(SPEC, gradient, all)) {
        if (name === "conv3.bias" || name.startsWith("dense")) assertLess(error, 1e-4, name);
      }
    },
  });
}
