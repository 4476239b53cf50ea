// Gradient centralization as an element of a chain: an arm has it, or has it not.
import type { Parameter } from "../../shared/model.ts";
import type { GcScope } from "./numeric_config.ts";
import type { GradientTransformation } from "./optimizer.ts";

/** What is centralized, and how far. */
export interface CentralizeOptions {
  /** All kernels, or those of convolutions alone. */
  readonly scope?: GcScope;
  /** The part of the mean that is taken away, 0 to 1. */
  readonly scale?: number;
}

/**
 * Gradient centralization (Yong et al., ECCV 2020, arXiv 2004.01461): subtracts from every kernel gradient its mean
 * over all axes but the last, that is, for each output. Biases (rank 1) are left alone. Means are taken in float64, in
 * index order.
 */
export function centralize({ scope = "all", scale = 1 }: CentralizeOptions = {}): GradientTransformation {
  return {
    init: () => ({}),
    update(gradient, { table }) {
      for (const parameter of table) if (isCentralized(parameter, scope)) centralizeKernel(gradient, parameter, scale);
    },
  };
}

/** Whether a parameter is one of the kernels that centralization with this scope is for. */
export function isCentralized({ shape }: Pick<Parameter, "shape">, scope: GcScope): boolean {
  return scope === "all" ? shape.length > 1 : shape.length === 4;
}

/** The means of a kernel's gradient over all axes but the last: float64, one for each output. */
export function outputMeans(gradient: Float32Array, { shape, offset, size }: Parameter): Float64Array {
  const outputs = shape.at(-1)!;
  const means = new Float64Array(outputs);
  const end = offset + size;
  for (let row = offset; row < end; row += outputs) {
    for (let j = 0; j < outputs; j++) means[j] = means[j]! + gradient[row + j]!;
  }
  const rows = size / outputs;
  for (let j = 0; j < outputs; j++) means[j] = means[j]! / rows;
  return means;
}

function centralizeKernel(gradient: Float32Array, parameter: Parameter, scale: number): void {
  const means = outputMeans(gradient, parameter);
  const outputs = means.length;
  // + 0 makes 0 of −0, which taken from −0 would change it: scale 0 changes no bit.
  for (let j = 0; j < outputs; j++) means[j] = scale * means[j]! + 0;
  const end = parameter.offset + parameter.size;
  for (let row = parameter.offset; row < end; row += outputs) {
    for (let j = 0; j < outputs; j++) gradient[row + j] = gradient[row + j]! - means[j]!;
  }
}
