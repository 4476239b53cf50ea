// The gradient of 2×2 max-pooling on WebGPU. TF.js' own kernel gives a window's gradient to the last of equal maxima; every
// other engine and TensorFlow give it to the first in row order, and flat image regions tie often.
import * as tf from "@tensorflow/tfjs";
import { webgpu_util, type WebGPUBackend, type WebGPUProgram } from "@tensorflow/tfjs-backend-webgpu";

/** One thread for each input element: no atomics, nothing to add up. */
class FirstMaximumProgram implements WebGPUProgram {
  readonly variableNames = ["dy", "x"];
  readonly workgroupSize: [number, number, number] = [64, 1, 1];
  readonly size = true;
  readonly dispatchLayout: { x: number[] };
  dispatch: [number, number, number];
  shaderKey = "herdFirstMaximum";

  constructor(readonly outputShape: number[]) {
    this.dispatchLayout = webgpu_util.flatDispatchLayout(outputShape);
    this.dispatch = webgpu_util.computeDispatch(this.dispatchLayout, outputShape, this.workgroupSize);
  }

  getUserCode(): string {
    return `
      fn main(index : i32) {
        if (index >= uniforms.size) { return; }
        let at = getCoordsFromIndex(index);
        let row = at.y / 2;
        let column = at.z / 2;
        if (row >= uniforms.dyShape.y || column >= uniforms.dyShape.z) {
          setOutputAtIndex(index, 0.0);
          return;
        }
        let place = (at.y % 2) * 2 + at.z % 2;
        let own = getX(at.x, at.y, at.z, at.w);
        var first = true;
        for (var other = 0; other < 4; other++) {
          let value = getX(at.x, 2 * row + other / 2, 2 * column + other % 2, at.w);
          first = first && (value < own || (value == own && other >= place));
        }
        setOutputAtIndex(index, select(0.0, getDy(at.x, row, column, at.w), first));
      }
    `;
  }
}

/** Puts the kernel in the place of TF.js' own, for windows of 2×2 at stride 2 without padding: the only ones that Herd has. */
export function registerFirstMaximumGradient(): void {
  tf.unregisterKernel("MaxPoolGrad", "webgpu");
  tf.registerKernel({
    kernelName: "MaxPoolGrad",
    backendName: "webgpu",
    kernelFunc: ({ inputs, attrs, backend }) => {
      const { filterSize, strides, pad } = attrs as unknown as tf.MaxPoolGradAttrs;
      if (String(filterSize) !== "2" || String(strides) !== "2" || pad !== "valid") {
        throw new RangeError(`Pooling of ${filterSize} at stride ${strides} with padding ${pad} has no gradient here`);
      }
      const { dy, input } = inputs as unknown as { dy: tf.TensorInfo; input: tf.TensorInfo };
      const program = new FirstMaximumProgram(input.shape);
      return (backend as WebGPUBackend).runWebGPUProgram(program, [dy, input], "float32");
    },
  });
}
