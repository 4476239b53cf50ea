// Where the WebGPU engine's time goes, kernel by kernel: each alone on the device, many times over, on what a real leaf has left in the
// buffers. Operations are those of the plain dense algorithm, whatever a kernel saves.
import { initialWeights } from "../../shared/initial_weights.ts";
import { WebgpuEngine } from "../../worker/webgpu/engine.ts";
import type { Dispatch } from "../../worker/webgpu/kernels/dispatch.ts";
import { multiplyAddPeak } from "./adapter_rates.ts";
import { gpuMilliseconds } from "./gpu_clock.ts";
import { denseOperations } from "./plan_work.ts";
import { type Findings, milliseconds } from "./support.ts";
import { computeStep, LEAF, SPEC, stepLeaves } from "./webgpu_step.ts";

/** Times of a leaf's kernels. @throws {HerdError} cluster, if there is no adapter */
export async function webgpuKernels(): Promise<Findings> {
  await using engine = await WebgpuEngine.create({ spec: SPEC, microBatch: LEAF, leaves: 1, augment: true });
  const { device, plan } = engine;
  const [weights, leaves] = [initialWeights(SPEC, 0), stepLeaves(SPEC, 1)];
  const leafMs = await milliseconds(5, () => computeStep(engine, weights, leaves)) / LEAF;
  const target = plan.gradientBuffer("sums of the bench");
  await device.allocate(target);
  const pass = [...plan.forward, ...plan.backward(target)];
  for (const dispatch of pass) await device.prepare(dispatch);
  const peak = await multiplyAddPeak(device);
  const operations = denseOperations(plan);
  const kernels = [];
  for (const [kernel, dispatches] of byLabel(pass)) {
    const msPerImage = await gpuMilliseconds(device, dispatches) / plan.images;
    const product = operations.get(kernel);
    const gflops = product === undefined ? null : product / plan.images / msPerImage / 1e6;
    const shareOfPeak = gflops === null ? null : gflops / peak;
    kernels.push({ kernel, dispatches: dispatches.length, msPerImage, gflops, shareOfPeak });
  }
  const passMs = await gpuMilliseconds(device, pass) / plan.images;
  await device.settle();
  const sum = kernels.reduce((sum, { msPerImage }) => sum + msPerImage, 0);
  return {
    title: `WebGPU kernels: keras-example at ${SPEC.imageSize} px, leaf of ${plan.images}, ${device.adapter}`,
    columns: ["kernel", "dispatches", "ms/image", "GFLOP/s", "of peak"],
    rows: kernels.map(({ kernel, dispatches, msPerImage, gflops, shareOfPeak }) => [
      kernel,
      `${dispatches}`,
      msPerImage.toFixed(3),
      gflops?.toFixed(1) ?? "",
      shareOfPeak === null ? "" : `${Math.round(100 * shareOfPeak)} %`,
    ]),
    notes: [
      `peak in multiply-adds: ${peak.toFixed(0)} GFLOP/s`,
      `all kernels alone: ${sum.toFixed(2)} ms/image; a whole pass in one submission: ${passMs.toFixed(2)} ms/image; ` +
      `a leaf of the engine, transfers and one readback included: ${leafMs.toFixed(2)} ms/image`,
      `kernels: ${engine.kernels.slice(0, engine.kernels.indexOf(" ["))}`,
    ],
    data: {
      adapter: device.adapter,
      kernelVersion: engine.kernels,
      peakGflops: peak,
      kernels,
      sumMsPerImage: sum,
      passMsPerImage: passMs,
      leafMsPerImage: leafMs,
    },
  };
}

/** In the order of their first dispatches. */
function byLabel(dispatches: readonly Dispatch[]): ReadonlyMap<string, Dispatch[]> {
  const groups = new Map<string, Dispatch[]>();
  for (const dispatch of dispatches) groups.set(dispatch.label, [...groups.get(dispatch.label) ?? [], dispatch]);
  return groups;
}
