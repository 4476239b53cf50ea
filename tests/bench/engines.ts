// Images a second by engine, each alone on this machine in one process, beside stock TensorFlow.js.
import * as tf from "@tensorflow/tfjs";
import { initialWeights } from "../../shared/initial_weights.ts";
import { builtInModel } from "../../shared/model.ts";
import type { EngineName, Leaf } from "../../worker/engine.ts";
import { availableEngines, createEngine } from "../../worker/engines.ts";
import { acquireDevice } from "../../worker/webgpu/device.ts";
import { leafSum, noiseLeaves } from "../fixtures/engines.ts";
import { type Findings, milliseconds } from "./support.ts";

const SPEC = builtInModel("keras-example", 300);
/** Leaf sizes and repeats that keep a slow engine within a few minutes. */
const EFFORT: Readonly<Record<EngineName, { leaf: number; repeats: number }>> = {
  simd: { leaf: 8, repeats: 9 },
  webgpu: { leaf: 4, repeats: 3 },
  cpu: { leaf: 1, repeats: 1 },
};

/** Training passes with augmentation and dropout at 300 px; the cpu engine only with `slow`. */
export async function engines(slow: boolean): Promise<Findings> {
  const found: { engine: string; adapter: string; msPerImage: number }[] = [];
  for (const { name, works, adapter = "" } of await availableEngines()) {
    if (!works || (name === "cpu" && !slow)) continue;
    const { leaf, repeats } = EFFORT[name];
    await using engine = await createEngine(name, { spec: SPEC, microBatch: leaf, augment: true });
    engine.setWeights(initialWeights(SPEC, 0));
    const [images] = noiseLeaves(SPEC.imageSize, [leaf]);
    found.push({
      engine: name,
      adapter,
      msPerImage: await milliseconds(repeats, () => leafSum(engine, images!)) / leaf,
    });
    if (name === "webgpu") {
      const { leaf, repeats } = EFFORT.webgpu;
      const [images] = noiseLeaves(SPEC.imageSize, [leaf]);
      found.push({ engine: "stock TF.js", adapter, msPerImage: await stock(images!, repeats) / leaf });
    }
  }
  return {
    title: "Training passes of keras-example at 300 px, one process, median",
    columns: ["engine", "ms/image", "images/s", "adapter"],
    rows: found.map(({ engine, adapter, msPerImage }) => [
      engine,
      msPerImage.toFixed(1),
      (1000 / msPerImage).toFixed(2),
      adapter,
    ]),
    data: found,
  };
}

/** A layers model as a TF.js user writes it, on the same device, without augmentation; milliseconds a batch. */
async function stock(leaf: Leaf, repeats: number): Promise<number> {
  const device = await acquireDevice();
  try {
    await tf.setBackend("webgpu");
    const conv = (filters: number) => tf.layers.conv2d({ filters, kernelSize: 3, activation: "relu" });
    const pool = () => tf.layers.maxPooling2d({ poolSize: 2 });
    const model = tf.sequential({
      layers: [
        tf.layers.inputLayer({ inputShape: [300, 300, 3] }),
        ...[conv(16), pool(), conv(32), tf.layers.dropout({ rate: 0.5 }), pool()],
        ...[conv(64), tf.layers.dropout({ rate: 0.5 }), pool(), conv(64), pool(), conv(64), pool()],
        ...[tf.layers.flatten(), tf.layers.dropout({ rate: 0.5 })],
        ...[tf.layers.dense({ units: 512, activation: "relu" }), tf.layers.dense({ units: 1, activation: "sigmoid" })],
      ],
    });
    model.compile({ optimizer: tf.train.rmsprop(1e-4), loss: "binaryCrossentropy" });
    const pixels = Float32Array.from(leaf.samples.flatMap(({ pixels }) => [...pixels]), (value) => value / 255);
    const images = tf.tensor4d(pixels, [leaf.samples.length, 300, 300, 3]);
    const labels = tf.tensor2d(leaf.samples.map(({ label }) => label), [leaf.samples.length, 1]);
    const weights = () => model.layers.at(-1)!.getWeights()[0]!;
    const time = await milliseconds(repeats, async () => {
      await model.fit(images, labels, { batchSize: leaf.samples.length, epochs: 1, verbose: 0 });
      await weights().data();
    });
    tf.dispose([images, labels]);
    model.dispose();
    return time;
  } finally {
    await device.release();
  }
}
