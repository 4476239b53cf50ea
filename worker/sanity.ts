// What a worker refuses of its coordinator: what nobody can mean. Shapes decide what is allocated here.
import type { ComputeConfig } from "../shared/config.ts";
import { HerdError } from "../shared/errors.ts";
import { MAX_FRAME_BYTES } from "../shared/frames.ts";
import { layerShapes } from "../shared/model.ts";
import { largestBytes } from "../shared/model_cost.ts";
import type { Work } from "../shared/protocol.ts";

/** @throws {HerdError} cluster, for a network that no coordinator can mean */
export function refuseUntrainable({ model, microBatch, classWeights }: ComputeConfig): void {
  const shapes = layerShapes(model);
  const sides = shapes.map((shape) => shape.kind === "conv" ? shape.outputSize : shape.inputs);
  const bytes = largestBytes(model);
  if (microBatch < 1 || Math.min(...sides) < 1 || bytes > MAX_FRAME_BYTES) {
    const asked = `layers of up to ${bytes} bytes an image, micro-batches of ${microBatch}`;
    throw new HerdError("cluster", `The coordinator asks for a network that cannot be trained here (${asked})`);
  }
  const classes = Math.max(model.classes, 2);
  if (classWeights !== undefined && classWeights.length !== classes) {
    const asked = `${classWeights.length} class weights for ${classes} classes`;
    throw new HerdError("cluster", `The coordinator asks for what cannot be trained here (${asked})`);
  }
}

/**
 * An order must have a place in its step's tree, and leaves of the size that the engine is made for.
 * @throws {HerdError} cluster, if it has not
 */
export function refuseUnfit(
  { task, range, leafCount, samples, step }: Work,
  { batchSize, microBatch }: ComputeConfig,
): void {
  const length = range.end - range.start;
  // A test set may be of any size: nothing is allocated but for the leaves that are listed.
  const most = task === "train" ? Math.ceil(batchSize / microBatch) : Infinity;
  const fits = length >= 1 && length === samples.length && range.end <= leafCount && leafCount <= most &&
    samples.every((ids) => ids.length >= 1 && ids.length <= microBatch);
  if (!fits) {
    const what = `leaves ${range.start} to ${range.end} of ${leafCount}, ${samples.length} of them listed`;
    throw new HerdError("cluster", `The order for step ${step} makes no sense (${what})`);
  }
}
