// Scales what a conv block puts out by scaling its filters: ReLU and max-pool let a positive factor through, so the network needs
// no further operation for it.
import { type ModelSpec, parameterTable } from "../../shared/model.ts";

/**
 * A copy of the weights in which one conv block's outputs are multiplied, channel by channel.
 * @param weights flat float32 weights
 * @param layer index of the block in the model's list
 * @param factors one a channel, positive
 * @throws {RangeError} if the layer is no conv block, or a factor is missing or not positive
 */
export function scaleFilters(
  spec: ModelSpec,
  weights: Float32Array,
  layer: number,
  factors: ArrayLike<number>,
): Float32Array {
  const shape = spec.layers[layer];
  if (shape?.kind !== "conv") throw new RangeError(`Layer ${layer} is no conv block`);
  if (factors.length !== shape.filters || !Array.from(factors).every((factor) => factor > 0 && factor < Infinity)) {
    throw new RangeError(`Layer ${layer} needs ${shape.filters} positive factors: it got [${Array.from(factors)}]`);
  }
  const scaled = weights.slice();
  // The last axis of kernel and bias is the channel.
  for (const { offset, size } of parameterTable(spec).slice(2 * layer, 2 * layer + 2)) {
    for (let i = 0; i < size; i++) scaled[offset + i]! *= factors[i % shape.filters]!;
  }
  return scaled;
}

/** Training mean by test mean, channel by channel; 1 for a channel that is 0 at test time. */
export function channelRatios(training: ArrayLike<number>, test: ArrayLike<number>): Float64Array {
  return Float64Array.from(test, (mean, channel) => mean > 0 ? training[channel]! / mean : 1);
}

/** Training mean by test mean of a whole block; 1 if it is 0 at test time. */
export function blockRatio(training: ArrayLike<number>, test: ArrayLike<number>): number {
  return channelRatios([sumOf(training)], [sumOf(test)])[0]!;
}

function sumOf(values: ArrayLike<number>): number {
  return Array.from(values).reduce((a, b) => a + b, 0);
}
