// 2×2 max-pooling in the place of the kernel of TF.js' cpu backend, which drops a NaN, and divergence with it.
import * as tf from "@tensorflow/tfjs";
import { assertPooling } from "./pooling.ts";

/** The maxima of float32 [samples, height, width, channels]; a NaN anywhere in a window comes out as NaN. */
function maxima(x: Float32Array, shape: readonly number[], pooled: readonly number[]): Float32Array {
  const [, height, width, channels] = shape as [number, number, number, number];
  const [samples, rows, columns] = pooled as [number, number, number, number];
  const y = new Float32Array(samples * rows * columns * channels);
  let to = 0;
  for (let sample = 0; sample < samples; sample++) {
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        const corner = ((sample * height + 2 * row) * width + 2 * column) * channels;
        for (let channel = 0; channel < channels; channel++) {
          const at = corner + channel;
          const below = at + width * channels;
          y[to++] = Math.max(x[at]!, x[at + channels]!, x[below]!, x[below + channels]!);
        }
      }
    }
  }
  return y;
}

/** Puts the kernel in the place of TF.js' own. */
export function registerMaxPool(): void {
  tf.unregisterKernel("MaxPool", "cpu");
  tf.registerKernel({
    kernelName: "MaxPool",
    backendName: "cpu",
    kernelFunc({ inputs, attrs, backend }) {
      const { x } = inputs as unknown as { x: tf.TensorInfo };
      const shape = assertPooling(x.shape, attrs);
      const memory = backend as tf.KernelBackend;
      const y = maxima(memory.readSync(x.dataId) as Float32Array, x.shape, shape);
      return { dataId: memory.write(y, shape, "float32"), shape, dtype: "float32" };
    },
  });
}
