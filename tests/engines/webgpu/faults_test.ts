// What a device can do wrong is told in a sentence, and never taken for a result.
import { assert, assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { HerdError } from "../../../shared/errors.ts";
import { initialWeights } from "../../../shared/initial_weights.ts";
import { rootOf } from "../../../shared/tree.ts";
import { GpuDevice } from "../../../worker/webgpu/device.ts";
import { WebgpuEngine } from "../../../worker/webgpu/engine.ts";
import { dispatch, whole } from "../../../worker/webgpu/kernels/dispatch.ts";
import { HAS_WEBGPU, leafSum, noiseLeaves, sameBits, smallModel } from "../../fixtures/engines.ts";

// All of these skip where there is no WebGPU adapter.
const ignore = !HAS_WEBGPU;
const SPEC = smallModel(37);
const OPTIONS = { spec: SPEC, microBatch: 5, augment: true };

Deno.test({
  name: "a rejected kernel is told with its name and line, and the device goes on (skips without adapter)",
  ignore,
  async fn() {
    const values = { name: "values", bytes: 256 };
    const kernel = (label: string, body: string) =>
      dispatch(label, {
        bindings: [{ name: "values", type: "array<u32>", access: "read_write", at: whole(values) }],
        threads: 64,
        workgroups: [1, 1, 1],
        body,
      });
    await using device = await GpuDevice.open();
    await device.allocate(values);
    const broken = kernel("conv2 forward", "  let i = id.x;\n  values[i] = unheard_of(i);");
    const { code, message } = await assertRejects(() => device.prepare(broken), HerdError);
    assertEquals(code, "cluster");
    assertStringIncludes(message, `The GPU ${device.adapter} rejects the kernel "conv2 forward"`);
    const line = broken.code.split("\n").findIndex((text) => text.includes("unheard_of")) + 1;
    assertMatch(message, new RegExp(`:${line}:\\d+`));
    assertStringIncludes(message, "unheard_of");
    const good = kernel("numbers", "  values[id.x] = id.x;");
    await device.prepare(good);
    assertEquals(new Uint32Array(await device.read(good, values)), Uint32Array.from({ length: 64 }, (_, i) => i));
    await device.settle();
  },
});

Deno.test({
  name: "memory that is not there is told with the buffer that is short of it, and what to do (skips without adapter)",
  ignore,
  async fn() {
    await using device = await GpuDevice.open();
    // A real shortage would be one of the whole machine.
    const { gpu } = device;
    const pop = gpu.popErrorScope.bind(gpu);
    gpu.popErrorScope = async () => await pop() ?? new GPUOutOfMemoryError("not enough memory left");
    const error = await assertRejects(() => device.allocate({ name: "conv1 outputs", bytes: 3 * 2 ** 20 }), HerdError);
    assertEquals(error.code, "cluster");
    assertStringIncludes(error.message, "has no memory left (3 MiB for conv1 outputs): use a smaller --micro-batch");
    gpu.popErrorScope = pop;
    await device.allocate({ name: "conv1 outputs", bytes: 3 * 2 ** 20 });
  },
});

Deno.test({
  name:
    "a device that is lost in the middle of a step gives no more sums, and a new one the same (skips without adapter)",
  ignore,
  async fn() {
    const leaves = noiseLeaves(37, [5, 5, 5, 5]);
    const sums = [];
    for (const loses of [false, true, false]) {
      let destroy = () => {};
      await using engine = await WebgpuEngine.create({ ...OPTIONS, onLeaf: () => destroy() });
      engine.setWeights(initialWeights(SPEC, 1));
      if (loses) destroy = () => engine.device.gpu.destroy();
      const step = Array.fromAsync(engine.gradients(4, leaves, [rootOf(4)]));
      if (loses) {
        assertEquals((await assertRejects(() => step, HerdError, "The WebGPU device")).code, "cluster");
        await assertRejects(() => leafSum(engine, leaves[0]!), HerdError, "The WebGPU device");
      } else sums.push((await step)[0]!.gradient);
    }
    assert(sameBits(sums[0]!, sums[1]!));
  },
});

Deno.test({
  name: "200 steps make no buffer, no pipeline and no bind group that the first did not make (skips without adapter)",
  ignore,
  async fn() {
    const leaves = noiseLeaves(37, [5, 5, 3]);
    await using engine = await WebgpuEngine.create({ ...OPTIONS, leaves: 3 });
    const step = async () => {
      engine.setWeights(initialWeights(SPEC, 1));
      await Array.fromAsync(engine.gradients(3, leaves, [{ level: 1, index: 0 }, { level: 0, index: 2 }]));
      await Array.fromAsync(engine.evaluate(leaves));
    };
    await step();
    const { gpu } = engine.device;
    let made = 0;
    for (const name of ["createBuffer", "createComputePipeline", "createBindGroup", "createShaderModule"] as const) {
      const make = gpu[name].bind(gpu) as (descriptor: never) => never;
      Object.defineProperty(gpu, name, { value: (descriptor: never) => (made++, make(descriptor)) });
    }
    for (let i = 1; i < 200; i++) await step();
    assertEquals(made, 0);
    gpu.createBuffer({ size: 4, usage: GPUBufferUsage.STORAGE }).destroy();
    assertEquals(made, 1, "it would have been counted");
  },
});
