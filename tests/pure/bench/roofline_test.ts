// The roofline by hand: what is predicted of a step, and what the plan of a network does.
import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { HerdError } from "../../../shared/errors.ts";
import { builtInModel } from "../../../shared/model.ts";
import { Plan } from "../../../worker/webgpu/plan.ts";
import { presetOf } from "../../../worker/webgpu/presets.ts";
import { figuresOf } from "../../bench/gpu_figures.ts";
import { denseOperations, workOf } from "../../bench/plan_work.ts";
import { predictStep } from "../../bench/roofline.ts";

const GPU = {
  name: "ten",
  source: "made up",
  teraflops: 10,
  gigabytesPerSecond: 500,
  microsecondsADispatch: 20,
  transferGigabytesPerSecond: 5,
};

Deno.test("a dispatch takes the longer of arithmetic and memory; launches, transfers and the host come on top", () => {
  const step = {
    images: 4,
    dispatches: [
      // 5 GFLOP at a quarter of 10 TFLOP/s: 2 ms; 100 MB at 500 GB/s: 0.2 ms.
      { label: "arithmetic", operations: 5e9, bytes: 100e6 },
      // 0.5 GFLOP: 0.2 ms; 250 MB: 0.5 ms.
      { label: "memory", operations: 0.5e9, bytes: 250e6 },
      { label: "nothing", operations: 0, bytes: 0 },
    ],
    transferBytes: 20e6,
    fixedMs: 1.5,
  };
  const { kernelMs, launchMs, transferMs, fixedMs, totalMs, memoryBoundMs } = predictStep(step, GPU);
  assertAlmostEquals(kernelMs, 2.5, 1e-9);
  assertAlmostEquals(memoryBoundMs, 0.5, 1e-9);
  assertAlmostEquals(launchMs, 0.06, 1e-9);
  assertAlmostEquals(transferMs, 4, 1e-9);
  assertAlmostEquals(totalMs, 2.5 + 0.06 + 4 + 1.5, 1e-9);
  assertEquals(fixedMs, 1.5);
  // The whole peak: 0.5 ms, and memory as before.
  assertAlmostEquals(predictStep(step, GPU, 1).kernelMs, 1, 1e-9);
});

Deno.test("a plan's operations are those of the dense algorithm, however many dispatches share them", () => {
  const plan = new Plan(builtInModel("tiny", 40), presetOf("software"), 2);
  const backward = plan.backward(plan.gradientBuffer("sums"));
  const work = workOf(plan, [...plan.forward, ...backward]);
  const of = (label: string) => work.filter((one) => one.label === label);
  const sum = (label: string) => of(label).reduce((all, { operations }) => all + operations, 0);
  // 3 to 4 channels on 38 × 38 pixels of 2 images, 9 taps.
  assertEquals(sum("conv1 forward"), 2 * 9 * 2 * 3 * 4 * 38 * 38);
  assertEquals(sum("conv1 input gradient"), 0, "the images need no gradient");
  // 4 to 8 channels on 17 × 17.
  for (const pass of ["forward", "input gradient", "filter gradient"]) {
    assertEquals(sum(`conv2 ${pass}`), 2 * 9 * 2 * 4 * 8 * 17 * 17, pass);
  }
  for (const pass of ["forward", "input gradient", "weight gradient"]) {
    assertEquals(sum(`dense1 ${pass}`), 2 * 2 * 72 * 16, pass);
  }
  assertEquals(sum("augmentation"), 0);
  const total = [...denseOperations(plan).values()].reduce((a, b) => a + b, 0);
  assertEquals(work.reduce((all, { operations }) => all + operations, 0), total, "each label has dispatches");
});

Deno.test("a plan's bytes count what a pass goes through, each once", () => {
  const plan = new Plan(builtInModel("tiny", 40), presetOf("discrete"), 2);
  const [augmentation] = workOf(plan, plan.forward.slice(0, 1));
  // Up: 1,200 words of bytes each and one more, filled up to a vector, 64 bytes a sample; written: vec4 a pixel.
  assertEquals(augmentation!.bytes, 4 * (2 * 1200 + 1) + 12 + 2 * 64 + 2 * 40 * 40 * 16);
  const backward = plan.backward(plan.gradientBuffer("sums"));
  const bias = workOf(plan, backward).find(({ label }) => label === "conv3 bias gradient sum")!;
  // 3 rows of 2 images, 2 vectors; the sum of them.
  assertEquals(bias.bytes, 2 * 3 * 2 * 16 + 2 * 16);
});

Deno.test("figures of a GPU come from its name, or from all flags", () => {
  assertEquals(figuresOf({}), undefined);
  const own = { teraflops: 10, bandwidth: 500, dispatchUs: 20, transfer: 5 };
  assertEquals(figuresOf(own), { ...GPU, name: "a GPU of these figures", source: "as given" });
  assertEquals(figuresOf({ gpu: "h100" })!.teraflops, 67);
  assertEquals(figuresOf({ gpu: "h100", teraflops: 60 })!.teraflops, 60);
  assert(figuresOf({ gpu: "h100", teraflops: 60 })!.source.endsWith("some as given"));
  assertThrows(() => figuresOf({ gpu: "toString" }), HerdError, "use h100");
  assertThrows(() => figuresOf({ ...own, transfer: undefined }), HerdError, "Figures of a GPU are missing");
});
