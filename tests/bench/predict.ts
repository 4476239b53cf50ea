// `deno task bench roofline`: a step predicted from the figures of a GPU; on this machine's own adapter, beside the measured one.
import { initialWeights } from "../../shared/initial_weights.ts";
import { WebgpuEngine } from "../../worker/webgpu/engine.ts";
import { Plan } from "../../worker/webgpu/plan.ts";
import { presetOf } from "../../worker/webgpu/presets.ts";
import { measureAdapter } from "./adapter_rates.ts";
import { figuresOf, type RooflineFlags } from "./gpu_figures.ts";
import { type GpuFigures, type Prediction, predictStep, SHARE_OF_PEAK, type StepWork } from "./roofline.ts";
import { type Findings, milliseconds } from "./support.ts";
import { computeStep, LEAF, LEAVES, SPEC, stepLeaves, stepWork } from "./webgpu_step.ts";

/**
 * Of the named GPU or the given figures, else of this machine's adapter.
 * @throws {HerdError} usage, for a GPU that is not known or figures that are missing; cluster, if there is no adapter
 */
export async function roofline(flags: RooflineFlags): Promise<Findings> {
  const gpu = figuresOf(flags);
  return gpu ? predicted(gpu, flags) : await compared(flags);
}

function predicted(gpu: GpuFigures, { share = SHARE_OF_PEAK, fixedMs }: RooflineFlags): Findings {
  const plan = new Plan(SPEC, presetOf("discrete"), LEAF);
  const work = stepWork(SPEC, plan);
  const step = { ...work, fixedMs: fixedMs ?? work.fixedMs };
  const prediction = predictStep(step, gpu, share);
  return {
    title: `PREDICTED, not measured: a step of ${step.images} images on ${gpu.name}`,
    columns: ["part", "ms a step", "ms/image"],
    rows: rowsOf(step, prediction),
    notes: [
      ...sourcesOf(step, gpu, share),
      "to measure it there: deno task bench engines, and deno task bench roofline",
    ],
    data: { gpu, share, ...totals(step), prediction, isMeasured: false },
  };
}

async function compared({ share = SHARE_OF_PEAK, fixedMs }: RooflineFlags): Promise<Findings> {
  await using engine = await WebgpuEngine.create({ spec: SPEC, microBatch: LEAF, leaves: LEAVES, augment: true });
  const gpu = await measureAdapter(engine.device);
  const work = stepWork(SPEC, engine.plan);
  const step = { ...work, fixedMs: fixedMs ?? work.fixedMs };
  const prediction = predictStep(step, gpu, share);
  const [weights, leaves] = [initialWeights(SPEC, 0), stepLeaves(SPEC)];
  const measured = await milliseconds(3, () => computeStep(engine, weights, leaves));
  const operations = step.dispatches.reduce((sum, work) => sum + work.operations, 0);
  const reached = operations / measured / 1e9 / gpu.teraflops;
  const off = prediction.totalMs / measured;
  return {
    title: `A step of ${step.images} images on ${gpu.name}: predicted and measured`,
    columns: ["part", "ms a step", "ms/image"],
    rows: [...rowsOf(step, prediction), row(step, "measured", measured)],
    notes: [
      ...sourcesOf(step, gpu, share),
      `the prediction is ${off.toFixed(2)} times the measured time; the whole step reaches ${
        percent(reached)
      } of the peak`,
    ],
    data: { gpu, share, ...totals(step), prediction, measuredMs: measured, predictedByMeasured: off, reached },
  };
}

function rowsOf(step: StepWork, prediction: Prediction): string[][] {
  const { kernelMs, memoryBoundMs, launchMs, transferMs, fixedMs, totalMs } = prediction;
  return [
    row(step, `kernels (of it ${percent(memoryBoundMs / kernelMs)} bound by memory)`, kernelMs),
    row(step, `launches (${step.dispatches.length} dispatches)`, launchMs),
    row(step, `transfers (${(step.transferBytes / 1e6).toFixed(1)} MB)`, transferMs),
    row(step, "host: packing weights, images and gradients", fixedMs),
    row(step, "predicted", totalMs),
  ];
}

function row({ images }: StepWork, what: string, ms: number): string[] {
  return [what, ms.toFixed(2), (ms / images).toFixed(3)];
}

function sourcesOf(step: StepWork, gpu: GpuFigures, share: number): string[] {
  const { operations, bytes } = totals(step);
  return [
    `${figure(gpu.teraflops)} TFLOP/s of which kernels reach ${percent(share)} (assumed), ` +
    `${figure(gpu.gigabytesPerSecond)} GB/s, ${figure(gpu.microsecondsADispatch)} µs a dispatch, ` +
    `transfers ${figure(gpu.transferGigabytesPerSecond)} GB/s: ${gpu.source}`,
    `the step: ${(operations / 1e9).toFixed(1)} GFLOP, ${(bytes / 1e9).toFixed(2)} GB of memory traffic`,
  ];
}

function totals({ images, dispatches, transferBytes }: StepWork) {
  const sum = (of: (work: StepWork["dispatches"][number]) => number) =>
    dispatches.reduce((sum, work) => sum + of(work), 0);
  return {
    images,
    dispatches: dispatches.length,
    operations: sum(({ operations }) => operations),
    bytes: sum(({ bytes }) => bytes),
    transferBytes,
  };
}

function percent(share: number): string {
  return `${Math.round(100 * share)} %`;
}

function figure(value: number): string {
  return `${Number(value.toPrecision(3))}`;
}
