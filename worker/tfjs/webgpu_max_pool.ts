// 2×2 max-pooling on WebGPU in the place of TF.js' own kernels, forward and gradient. Theirs drops a NaN, and divergence with
// it; and it gives a window's gradient to the last of equal maxima, where every other engine and TensorFlow give it to the
// first in row order: flat image regions tie often.
import * as tf from "@tensorflow/tfjs";
import { webgpu_util, type WebGPUBackend, type WebGPUProgram } from "@tensorflow/tfjs-backend-webgpu";
import { assertPooling } from "./pooling.ts";

/** One thread for each output element. */
abstract class PoolProgram implements WebGPUProgram {
  abstract readonly variableNames: string[];
  abstract readonly shaderKey: string;
  readonly workgroupSize: [number, number, number] = [64, 1, 1];
  readonly size = true;
  readonly dispatchLayout: { x: number[] };
  dispatch: [number, number, number];

  constructor(readonly outputShape: number[]) {
    this.dispatchLayout = webgpu_util.flatDispatchLayout(outputShape);
    this.dispatch = webgpu_util.computeDispatch(this.dispatchLayout, outputShape, this.workgroupSize);
  }

  abstract getUserCode(): string;
}

class MaximumProgram extends PoolProgram {
  readonly variableNames = ["x"];
  readonly shaderKey = "herdMaximum";

  getUserCode(): string {
    return `
      fn main(index : i32) {
        if (index >= uniforms.size) { return; }
        let at = getCoordsFromIndex(index);
        var most = getX(at.x, 2 * at.y, 2 * at.z, at.w);
        var strange = isnan(most);
        for (var other = 1; other < 4; other++) {
          let value = getX(at.x, 2 * at.y + other / 2, 2 * at.z + other % 2, at.w);
          // What max() makes of a NaN is left open.
          strange = strange || isnan(value);
          most = max(value, most);
        }
        setOutputAtIndex(index, select(most, uniforms.NAN, strange));
      }
    `;
  }
}

/** The gradient: no atomics, nothing to add up. */
class FirstMaximumProgram extends PoolProgram {
  readonly variableNames = ["dy", "x"];
  readonly shaderKey = "herdFirstMaximum";

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

/** Puts the kernels in the place of TF.js' own, for windows of 2×2 at stride 2 without padding: the only ones that Herd has. */
export function registerMaxPool(): void {
  for (const kernelName of ["MaxPool", "MaxPoolGrad"]) tf.unregisterKernel(kernelName, "webgpu");
  tf.registerKernel({
    kernelName: "MaxPool",
    backendName: "webgpu",
    kernelFunc({ inputs, attrs, backend }) {
      const { x } = inputs as unknown as { x: tf.TensorInfo };
      const program = new MaximumProgram(assertPooling(x.shape, attrs));
      return (backend as WebGPUBackend).runWebGPUProgram(program, [x], "float32");
    },
  });
  tf.registerKernel({
    kernelName: "MaxPoolGrad",
    backendName: "webgpu",
    kernelFunc({ inputs, attrs, backend }) {
      const { dy, input } = inputs as unknown as { dy: tf.TensorInfo; input: tf.TensorInfo };
      assertPooling(input.shape, attrs);
      const program = new FirstMaximumProgram(input.shape);
      return (backend as WebGPUBackend).runWebGPUProgram(program, [dy, input], "float32");
    },
  });
}
