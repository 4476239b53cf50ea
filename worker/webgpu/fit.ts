// Whether an adapter can do a plan, and the plan that it can do.
import { HerdError } from "../../shared/errors.ts";
import type { ModelSpec } from "../../shared/model.ts";
import { rowBytes } from "./kernels/dispatch.ts";
import { Plan } from "./plan.ts";
import type { Preset } from "./presets.ts";

/** What of an adapter's limits decides about a plan. */
export interface Limits {
  readonly maxBufferSize: number;
  readonly maxStorageBufferBindingSize: number;
  readonly maxTextureDimension2D: number;
  readonly maxComputeWorkgroupsPerDimension: number;
}

/** Bounds the memory, whatever the micro-batch. */
const MOST_IMAGES = 8;

/**
 * The plan with as many images a pass as fit.
 * @throws {HerdError} usage, if not even one image fits
 */
export function planFor(spec: ModelSpec, preset: Preset, microBatch: number, limits: Limits): Plan {
  let images = Math.min(microBatch, MOST_IMAGES);
  while (true) {
    const plan = new Plan(spec, preset, images);
    const problem = problemOf(plan, limits);
    if (!problem) return plan;
    if (images === 1) throw new HerdError("usage", problem);
    images = images >> 1;
  }
}

/** What of a plan an adapter cannot do, in a sentence. */
export function problemOf(plan: Plan, limits: Limits): string | undefined {
  const gradient = plan.gradientBuffer("gradients of all weights");
  const dispatches = [...plan.forward, ...plan.backward(gradient), plan.add(gradient, gradient)];
  const remedy = "use a smaller --image-size or a smaller model, or --backend simd";
  for (const { name, bytes } of [...plan.buffers, gradient]) {
    if (bytes > limits.maxBufferSize) return tooLarge(name, bytes, limits.maxBufferSize, "a buffer", remedy);
  }
  for (const { label, slices, workgroups } of dispatches) {
    const largest = slices.reduce((a, b) => a.bytes >= b.bytes ? a : b);
    if (largest.bytes > limits.maxStorageBufferBindingSize) {
      return tooLarge(
        `${largest.buffer.name} (${label})`,
        largest.bytes,
        limits.maxStorageBufferBindingSize,
        "a binding",
        remedy,
      );
    }
    const most = Math.max(...workgroups);
    if (most > limits.maxComputeWorkgroupsPerDimension) {
      return `${label} needs ${most} workgroups, and the GPU runs ${limits.maxComputeWorkgroupsPerDimension} at most: ${remedy}`;
    }
  }
  for (const { name, bytes, mirror } of plan.buffers) {
    const most = mirror === undefined ? Infinity : limits.maxTextureDimension2D * rowBytes(mirror);
    if (bytes > most) return tooLarge(name, bytes, most, "a texture", remedy);
  }
  return undefined;
}

function tooLarge(name: string, bytes: number, limit: number, what: string, remedy: string): string {
  const mebibytes = (value: number) => `${Math.ceil(value / 2 ** 20)} MiB`;
  return `${name} needs ${mebibytes(bytes)}, and ${what} of the GPU has ${mebibytes(limit)} at most: ${remedy}`;
}
