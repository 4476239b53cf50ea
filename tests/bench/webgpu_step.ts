// The step that the GPU benches time: 128 images as the default run has them, with the weights written before and one sum read after.
import { initialWeights } from "../../shared/initial_weights.ts";
import { builtInModel, type ModelSpec } from "../../shared/model.ts";
import { rootOf } from "../../shared/tree.ts";
import type { GradientEngine, Leaf } from "../../worker/engine.ts";
import { PassInputs } from "../../worker/webgpu/inputs.ts";
import type { Plan } from "../../worker/webgpu/plan.ts";
import { noiseLeaves } from "../fixtures/engines.ts";
import { workOf } from "./plan_work.ts";
import type { StepWork } from "./roofline.ts";
import { threadMs } from "./device_calls.ts";
import { median } from "./support.ts";

/** The network of all benches that are not told another. */
export const SPEC = builtInModel("keras-example", 300);
/** Images of a leaf. */
export const LEAF = 8;
/** Leaves of a step. */
export const LEAVES = 16;
const HOST_REPEATS = 10;

/** Leaves for timing: all have the same pixels, which no kernel can profit from. */
export function stepLeaves(spec: ModelSpec, leaves = LEAVES, images = LEAF): Leaf[] {
  const [leaf] = noiseLeaves(spec.imageSize, [images]);
  return Array.from({ length: leaves }, (_, index) => ({ ...leaf!, index }));
}

/** One step of a worker that has it all: new weights, all leaves, their one sum. */
export async function computeStep(engine: GradientEngine, weights: Float32Array, leaves: readonly Leaf[]) {
  engine.setWeights(weights);
  for await (const _ of engine.gradients(leaves.length, leaves, [rootOf(leaves.length)]));
}

/** A step as the roofline takes it. @param plan for passes of a leaf */
export function stepWork(spec: ModelSpec, plan: Plan, leaves = LEAVES): StepWork {
  const gradient = plan.gradientBuffer("gradient sums");
  const pass = workOf(plan, [...plan.forward, ...plan.backward(gradient)]);
  const add = workOf(plan, [plan.add(gradient, plan.gradientBuffer("the next ones"))]);
  const dispatches = Array.from({ length: leaves }, (_, i) => i === 0 ? pass : [...pass, ...add]).flat();
  const up = leaves * (plan.pixels.bytes + plan.samples.bytes) + plan.layout.weightBytes;
  const down = plan.layout.gradientBytes + leaves * plan.logits.bytes;
  return {
    images: leaves * plan.images,
    dispatches,
    transferBytes: up + down,
    fixedMs: hostMs(spec, plan, leaves),
  };
}

/**
 * Milliseconds of a step that the host spends on the forms in which weights, images and gradients travel: measured here, as time of
 * the processor where the system tells it.
 */
function hostMs(spec: ModelSpec, plan: Plan, leaves: number): number {
  const flat = initialWeights(spec, 0);
  const weights = new Float32Array(plan.layout.weightBytes / 4);
  const sums = new Float32Array(plan.layout.gradientBytes / 4);
  const inputs = new PassInputs(plan.images, spec.imageSize);
  const [leaf] = stepLeaves(spec, 1, plan.images);
  const now = () => threadMs() ?? performance.now();
  const times: number[] = [];
  for (let repeat = 0; repeat < HOST_REPEATS; repeat++) {
    const start = now();
    plan.layout.packWeights(flat, weights);
    for (let i = 0; i < leaves; i++) inputs.fill(leaf!, leaf!.samples, { drops: true, augments: true });
    plan.layout.unpackGradients(sums, flat);
    times.push(now() - start);
  }
  // The first ones are those of a compiler that warms up.
  return median(times.slice(-HOST_REPEATS / 2));
}
