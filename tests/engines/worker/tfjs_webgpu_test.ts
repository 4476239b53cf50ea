import { assert, assertEquals, assertLess, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import * as tf from "@tensorflow/tfjs";
import { HerdError } from "../../../shared/errors.ts";
import { initialWeights } from "../../../shared/initial_weights.ts";
import { layerShapes, type ModelSpec } from "../../../shared/model.ts";
import { rootOf } from "../../../shared/tree.ts";
import { DeviceLost } from "../../../worker/device_lost.ts";
import { createEngine } from "../../../worker/engines.ts";
import type { TfjsDevice } from "../../../worker/tfjs/device.ts";
import { TfjsEngine } from "../../../worker/tfjs/engine.ts";
import { assertWithinLoops } from "../../../worker/tfjs/mod.ts";
import {
  errorsByParameter,
  HAS_WEBGPU,
  leafPredictions,
  leafSum,
  noiseLeaves,
  sameBits,
  smallModel,
  sums,
} from "../../fixtures/engines.ts";

// All of these skip where there is no WebGPU adapter.
const ignore = !HAS_WEBGPU;

Deno.test({
  name: "tfjs-webgpu and tfjs-cpu agree with augmentation and dropout, over leaves of different sizes",
  ignore,
  async fn() {
    const spec = smallModel(28);
    const options = { spec, microBatch: 4, augment: true };
    const leaves = noiseLeaves(28, [4, 4, 3]);
    await using cpu = await createEngine("tfjs-cpu", options);
    await using webgpu = await createEngine("tfjs-webgpu", options);
    for (const engine of [cpu, webgpu]) engine.setWeights(initialWeights(spec, 1));
    const [expected] = await sums(cpu, 3, leaves, [rootOf(3)]);
    const [actual] = await sums(webgpu, 3, leaves, [rootOf(3)]);
    for (const { name, error } of errorsByParameter(spec, expected!.gradient, actual!.gradient)) {
      assertLess(error, 1e-4, name);
    }
    actual!.logits.forEach((logit, i) => assertLess(Math.abs(logit - expected!.logits[i]!), 1e-5));
    actual!.losses.forEach((loss, i) => assertLess(Math.abs(loss - expected!.losses[i]!), 1e-5));
  },
});

for (const [imageSize, filters] of [[26, 84], [38, 64]] as const) {
  const spec: ModelSpec = {
    imageSize,
    channels: 3,
    layers: [
      { kind: "conv", filters: 8 },
      { kind: "conv", filters },
      { kind: "dense", units: 64, activation: "relu" },
      { kind: "dense", units: 1, activation: "none" },
    ],
    classes: 1,
  };
  // From 2000 inputs on, TF.js' own choice adds with float atomics, in any order.
  const [inputs] = layerShapes(spec).flatMap((shape) => shape.kind === "dense" ? [shape.inputs] : []);
  Deno.test({
    name: `tfjs-webgpu: 20 repeats have the same bits with ${inputs} features`,
    ignore,
    async fn() {
      const [leaf] = noiseLeaves(imageSize, [8]);
      await using engine = await createEngine("tfjs-webgpu", { spec, microBatch: 8, augment: true });
      engine.setWeights(initialWeights(spec, 0));
      const first = await leafSum(engine, leaf!);
      assert(first.gradient.some((value) => value !== 0));
      for (let repeat = 1; repeat < 20; repeat++) {
        const { gradient, logits } = await leafSum(engine, leaf!);
        assert(sameBits(gradient, first.gradient), `The gradient of repeat ${repeat} has other bits`);
        assert(sameBits(logits, first.logits), `The logits of repeat ${repeat} have other bits`);
      }
    },
  });
}

Deno.test({
  name: "tfjs-webgpu: the bits of a node do not depend on whether the device or the host adds",
  ignore,
  async fn() {
    const { acquireDevice } = await import("../../../worker/tfjs/webgpu_device.ts");
    const spec = smallModel(16);
    const options = { spec, microBatch: 2, augment: true };
    const device = await acquireDevice();
    const { name, adapter, kernels } = device;
    const onHost: TfjsDevice = {
      name,
      adapter,
      kernels,
      addsExactly: false,
      run: (work) => device.run(work),
      flush: () => device.flush(),
      probeArithmetic: () => device.probeArithmetic(),
      release: () => device.release(),
    };
    const leaves = noiseLeaves(16, [2, 2, 2, 2, 1]);
    await using host = new TfjsEngine(onHost, options);
    await using normal = await createEngine("tfjs-webgpu", options);
    for (const engine of [host, normal]) engine.setWeights(initialWeights(spec, 0));
    const expected = await sums(host, 5, leaves, [rootOf(5)]);
    assertEquals(await sums(normal, 5, leaves, [rootOf(5)]), expected);
  },
});

Deno.test("tfjs-webgpu: leaves whose gradients Mesa's software adapter would cut short are refused, on a GPU none is", () => {
  const options = (imageSize: number, microBatch: number) => ({
    spec: smallModel(imageSize),
    microBatch,
    augment: false,
  });
  const MESA = "llvmpipe (LLVM 15.0.6, 256 bits) [software]";
  for (const [images, good, bad] of [[1, 256, 258], [2, 182, 183], [8, 91, 92]] as const) {
    assertWithinLoops(MESA, options(good, images));
    const { code, message } = assertThrows(() => assertWithinLoops(MESA, options(bad, images)), HerdError);
    assertEquals(code, "cluster");
    assertStringIncludes(
      message,
      `A micro-batch of ${images} at ${bad} px would get wrong gradients of TF.js on llvmpipe`,
    );
    assertWithinLoops("NVIDIA H100 PCIe", options(bad, images));
  }
});

Deno.test({
  name: "tfjs-webgpu: the gradient of the largest leaf that is not refused is whole",
  ignore,
  async fn() {
    const { acquireDevice } = await import("../../../worker/tfjs/webgpu_device.ts");
    const device = await acquireDevice();
    try {
      const [samples, size] = [2, 182];
      const out = size - 2;
      const sum = await device.run(async () => {
        const gradient = tf.tidy(() => {
          const x = tf.ones([samples, size, size, 1]) as tf.Tensor4D;
          const pass = tf.grad((kernel: tf.Tensor) => tf.conv2d(x, kernel as tf.Tensor4D, 1, "valid"));
          return pass(tf.zeros([3, 3, 1, 1]), tf.ones([samples, out, out, 1]));
        });
        const values = await gradient.data<"float32">();
        gradient.dispose();
        return values.slice();
      });
      assertEquals([...sum], Array(9).fill(samples * out * out));
    } finally {
      await device.release();
    }
  },
});

const BROKEN = { code: "fn broken( {" };

Deno.test({
  name: "tfjs-webgpu: an invalid shader in the middle of a call is an error of that call",
  ignore,
  async fn() {
    const { acquireDevice } = await import("../../../worker/tfjs/webgpu_device.ts");
    const spec = smallModel(16);
    const device = await acquireDevice();
    await using engine = await createEngine("tfjs-webgpu", {
      spec,
      microBatch: 2,
      augment: true,
      onLeaf: () => device.gpu.createShaderModule(BROKEN),
    });
    await device.release();
    engine.setWeights(initialWeights(spec, 0));
    const [leaf] = noiseLeaves(16, [2]);
    await assertRejects(() => leafSum(engine, leaf!), HerdError, "rejected an operation");
  },
});

for (const kind of ["an invalid shader", "a buffer that is too large", "the loss of the device"] as const) {
  Deno.test({
    name: `tfjs-webgpu: ${kind} is an error of the next call, and a new engine works again`,
    ignore,
    async fn() {
      const { acquireDevice } = await import("../../../worker/tfjs/webgpu_device.ts");
      const spec = smallModel(16);
      const options = { spec, microBatch: 2, augment: true };
      const [leaf] = noiseLeaves(16, [2]);
      {
        await using engine = await createEngine("tfjs-webgpu", options);
        engine.setWeights(initialWeights(spec, 0));
        await leafSum(engine, leaf!);
        const device = await acquireDevice();
        const { gpu } = device;
        if (kind === "an invalid shader") gpu.createShaderModule(BROKEN);
        else if (kind === "the loss of the device") gpu.destroy();
        else gpu.createBuffer({ size: gpu.limits.maxBufferSize + 4, usage: GPUBufferUsage.STORAGE });
        const error = await assertRejects(() => leafSum(engine, leaf!), HerdError, "The WebGPU device");
        assertEquals([error.code, error instanceof DeviceLost], ["cluster", kind === "the loss of the device"]);
        await assertRejects(() => leafPredictions(engine, leaf!), HerdError, "The WebGPU device");
        await device.release();
      }
      await using engine = await createEngine("tfjs-webgpu", options);
      engine.setWeights(initialWeights(spec, 0));
      assert((await leafSum(engine, leaf!)).gradient.some((value) => value !== 0));
    },
  });
}
