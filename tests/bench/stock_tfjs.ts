// deno-lint-ignore-file no-console -- a script: printing is what it does.
// Trains keras-example with TensorFlow.js as its users write it, on WebGPU, without augmentation: a step for each line on stdin, of
// which it prints the milliseconds an image. Argument: images in a batch. stock.ts starts it.
import * as tf from "@tensorflow/tfjs";
import "@tensorflow/tfjs-backend-webgpu";
import { linesOf } from "../../shared/cli/lines.ts";
import { noiseLeaves } from "../fixtures/engines.ts";

const SIZE = 300;
const batch = Number(Deno.args[0]);

tf.enableProdMode();
await tf.setBackend("webgpu");
const conv = (filters: number) => tf.layers.conv2d({ filters, kernelSize: 3, activation: "relu" });
const pool = () => tf.layers.maxPooling2d({ poolSize: 2 });
const dropout = () => tf.layers.dropout({ rate: 0.5 });
const model = tf.sequential({
  layers: [
    tf.layers.inputLayer({ inputShape: [SIZE, SIZE, 3] }),
    ...[conv(16), pool(), conv(32), dropout(), pool(), conv(64), dropout(), pool(), conv(64), pool(), conv(64), pool()],
    ...[tf.layers.flatten(), dropout(), tf.layers.dense({ units: 512, activation: "relu" })],
    tf.layers.dense({ units: 1, activation: "sigmoid" }),
  ],
});
model.compile({ optimizer: tf.train.rmsprop(1e-4), loss: "binaryCrossentropy" });
const [leaf] = noiseLeaves(SIZE, [batch]);
const pixels = Float32Array.from(leaf!.samples.flatMap(({ pixels }) => [...pixels]), (value) => value / 255);
const images = tf.tensor4d(pixels, [batch, SIZE, SIZE, 3]);
const labels = tf.tensor2d(leaf!.samples.map(({ label }) => label), [batch, 1]);
for await (const _ of linesOf(Deno.stdin.readable)) {
  const start = performance.now();
  await model.trainOnBatch(images, labels);
  await model.layers.at(-1)!.getWeights()[0]!.data();
  console.log((performance.now() - start) / batch);
}
Deno.exit();
