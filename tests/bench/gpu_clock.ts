// Times on a GPU: from a submission to its end, with so many runs in it that submitting and waiting count for little.
import type { GpuDevice } from "../../worker/webgpu/device.ts";
import type { Dispatch } from "../../worker/webgpu/kernels/dispatch.ts";
import { median } from "./support.ts";

/** What a submission is to last at the least. */
const LEAST_MS = 50;
const MOST_RUNS = 1000;

/** Milliseconds of one submission of dispatches, so many times over, to its end. */
export async function submissionMs(device: GpuDevice, dispatches: readonly Dispatch[], runs = 1): Promise<number> {
  const all = Array.from({ length: runs }, () => dispatches).flat();
  const start = performance.now();
  device.submit(all);
  await device.done();
  return performance.now() - start;
}

/** How many runs a submission needs. Warms up. */
export async function runsFor(device: GpuDevice, dispatches: readonly Dispatch[]): Promise<number> {
  await submissionMs(device, dispatches);
  const once = await submissionMs(device, dispatches);
  if (once >= LEAST_MS) return 1;
  // A single one is mostly waiting where kernels are short.
  const few = Math.min(MOST_RUNS, Math.ceil(LEAST_MS / 4 / once));
  const each = await submissionMs(device, dispatches, few) / few;
  return Math.max(1, Math.min(MOST_RUNS, Math.ceil(LEAST_MS / each)));
}

/** Milliseconds of one run of dispatches: the median over submissions. They must be prepared. */
export async function gpuMilliseconds(
  device: GpuDevice,
  dispatches: readonly Dispatch[],
  repeats = 5,
): Promise<number> {
  const runs = await runsFor(device, dispatches);
  const times: number[] = [];
  for (let i = 0; i < repeats; i++) times.push(await submissionMs(device, dispatches, runs) / runs);
  return median(times);
}
