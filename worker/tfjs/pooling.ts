// The only pooling that the networks here have, for the kernels that stand in the place of TF.js' own.
import type * as tf from "@tensorflow/tfjs";

/**
 * The output shape of max-pooling over windows of 2×2 at stride 2 without padding.
 * @param shape [samples, height, width, channels]
 * @param attrs what TF.js hands to a pooling kernel
 * @throws {RangeError} if another pooling is asked for
 */
export function assertPooling(shape: readonly number[], attrs: unknown): number[] {
  const { filterSize, strides, pad } = attrs as tf.MaxPoolAttrs;
  // TF.js writes "2" or "2,2".
  const isTwo = (size: unknown) => /^2(,2)?$/.test(String(size));
  if (!isTwo(filterSize) || !isTwo(strides) || pad !== "valid") {
    throw new RangeError(`There is no pooling of ${filterSize} at stride ${strides} with padding ${pad} here`);
  }
  const [samples, height, width, channels] = shape as [number, number, number, number];
  return [samples, height >> 1, width >> 1, channels];
}
