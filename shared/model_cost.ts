// What a network costs: operations by arithmetic on its shapes, and whether any machine can mean to train it.
import { HerdError } from "./errors.ts";
import { MAX_FRAME_BYTES } from "./frames.ts";
import { kerasLayers, layerShapes, type ModelSpec, parameterCount } from "./model.ts";

/** Floating-point operations of one image: an addition or a multiplication is one. */
export interface ModelFlops {
  /** Of each layer of {@linkcode kerasLayers}, forward. */
  readonly layers: readonly number[];
  /** Of all of them. */
  readonly forward: number;
  /** Of a training step: forward, and back to the gradients of all kernels and of all inputs but the images. */
  readonly training: number;
}

/** Counts the products of convolutions and dense layers; biases, ReLU, pooling and dropout are small beside them. */
export function flopsOf(spec: ModelSpec): ModelFlops {
  const layers = kerasLayers(spec).map(({ kind, outputShape, weights: { kernel = [] } }) => {
    const pixels = kind === "conv" ? outputShape[0]! * outputShape[1]! : 1;
    return kernel.length === 0 ? 0 : 2 * pixels * kernel.reduce((a, b) => a * b, 1);
  });
  const forward = layers.reduce((a, b) => a + b, 0);
  return { layers, forward, training: 3 * forward - (layers[0] ?? 0) };
}

/** A network, and how much of a step an engine holds at once. */
export interface PlannedModel {
  /** The network. */
  readonly spec: ModelSpec;
  /** Images of a leaf, at most. */
  readonly microBatch: number;
  /** Images of a step, at most. */
  readonly batchSize: number;
}

/** What a worker's engine holds for a network, in bytes; without its process and its images. */
export interface EngineMemory {
  /** Flat, as they came. */
  readonly weights: number;
  /** Sums that wait to be added along the reduction tree. */
  readonly gradients: number;
  /** All else: activations and their gradients of as many images as it computes at once, and what kernels need besides. */
  readonly leaf: number;
  /** All of it. */
  readonly total: number;
}

/** Bytes of the largest of its arrays: the flat weights, or what a layer gives of one image. */
export function largestBytes(spec: ModelSpec): number {
  const values = layerShapes(spec).map((shape) =>
    shape.kind === "conv" ? shape.convSize ** 2 * shape.filters : shape.units
  );
  return 4 * Math.max(parameterCount(spec), spec.imageSize ** 2 * spec.channels, ...values);
}

/**
 * Weights travel in one frame, so a network has a most.
 * @throws {HerdError} usage, if a worker would refuse the network
 */
export function refuseLargeModel(model: string, spec: ModelSpec): void {
  const bytes = largestBytes(spec);
  if (bytes <= MAX_FRAME_BYTES) return;
  const isWeights = bytes === 4 * parameterCount(spec);
  const what = isWeights ? `${parameterCount(spec).toLocaleString("en")} parameters` : "a layer";
  const size = `${what} of ${Math.ceil(bytes / 2 ** 20)} MiB`;
  const remedy = "use fewer filters or units, or a smaller --image-size";
  throw new HerdError("usage", `--model ${model} has ${size}, and the most is ${MAX_FRAME_BYTES / 2 ** 20}: ${remedy}`);
}
