// The gradient of a 3×3 kernel on WebGPU. TF.js' own has one thread for each of the few elements of the kernel, which walks
// over the whole batch: slow on a GPU, inexact, and wrong on Mesa's software adapter, which cuts a thread's loops off after
// 65,535 turns without a word. Here the image rows are cut into blocks, each thread adds up one block for all nine taps at
// once, and a second pass adds the blocks in order. No atomics, so the bits do not vary.
import * as tf from "@tensorflow/tfjs";
import { webgpu_util, type WebGPUBackend, type WebGPUProgram } from "@tensorflow/tfjs-backend-webgpu";

/** Threads that the first pass should have at least, where there are rows enough: enough to fill a GPU. */
const THREADS = 16384;
/** Turns that a thread's loops may have at most. */
const MOST_TURNS = 16384;

/** How a batch's rows are cut. A pure function of the shapes, so that it does not differ between devices. */
export interface RowBlocks {
  /** Rows in a block; the last block of an image may have fewer. */
  readonly rows: number;
  /** Blocks in an image. */
  readonly perImage: number;
}

/**
 * Cuts the rows of a convolution's output.
 * @param lanes threads that work on the same rows: input channels times groups of filters
 */
export function cutRows(samples: number, height: number, width: number, lanes: number): RowBlocks {
  const forThreads = Math.floor(samples * height * lanes / THREADS);
  const forSecondPass = Math.ceil(samples * height / MOST_TURNS);
  const most = Math.max(1, Math.floor(MOST_TURNS / width));
  const rows = Math.min(Math.max(forThreads, forSecondPass, 1), most, height);
  return { rows, perImage: Math.ceil(height / rows) };
}

/** First pass: the sum over one block of rows, of all taps, for one input channel and one or four filters. */
class BlockSumProgram implements WebGPUProgram {
  readonly variableNames = ["x", "dy"];
  readonly uniforms = "threads : i32, rows : i32, perImage : i32";
  readonly workgroupSize: [number, number, number] = [64, 1, 1];
  readonly outputComponent: number;
  readonly variableComponents: number[];
  readonly dispatchLayout: { x: number[] };
  dispatch: [number, number, number];
  shaderKey: string;

  constructor(readonly outputShape: number[], threads: number, vector: number) {
    this.outputComponent = vector;
    this.variableComponents = [1, vector];
    this.dispatchLayout = webgpu_util.flatDispatchLayout(outputShape);
    this.dispatch = webgpu_util.computeDispatch({ x: [0] }, [threads], this.workgroupSize);
    this.shaderKey = `herdFilterBlocks${vector}`;
  }

  getUserCode(): string {
    const type = this.outputComponent === 4 ? "vec4<f32>" : "f32";
    const taps = [0, 1, 2].flatMap((row) => [0, 1, 2].map((column) => ({ row, column, name: `sum${row}${column}` })));
    return `
      fn column(at : i32, stride : i32) -> vec3<f32> {
        return vec3<f32>(x[at], x[at + stride], x[at + 2 * stride]);
      }

      fn main(index : i32) {
        if (index >= uniforms.threads) { return; }
        let channels = uniforms.xShape.w;
        let groups = uniforms.dyShape.w / ${this.outputComponent};
        let group = index % groups;
        let channel = (index / groups) % channels;
        let block = index / groups / channels;
        let image = block / uniforms.perImage;
        let first = (block % uniforms.perImage) * uniforms.rows;
        let end = min(first + uniforms.rows, uniforms.dyShape.y);
        let width = uniforms.dyShape.z;
        let stride = uniforms.xShape.z * channels;
        ${taps.map(({ name }) => `var ${name} = ${type}(0.0);`).join("\n")}
        for (var row = first; row < end; row++) {
          var xAt = (image * uniforms.xShape.y + row) * stride + channel;
          var dyAt = (image * uniforms.dyShape.y + row) * width * groups + group;
          var column0 = column(xAt, stride);
          var column1 = column(xAt + channels, stride);
          xAt += 2 * channels;
          for (var turn = 0; turn < width; turn++) {
            let column2 = column(xAt, stride);
            let d = dy[dyAt];
            ${taps.map(({ row, column, name }) => `${name} += column${column}[${row}] * d;`).join("\n")}
            column0 = column1;
            column1 = column2;
            xAt += channels;
            dyAt += groups;
          }
        }
        let resultAt = (block * 9 * channels + channel) * groups + group;
        let tap = channels * groups;
        ${taps.map(({ row, column, name }) => `result[resultAt + ${3 * row + column} * tap] = ${name};`).join("\n")}
      }
    `;
  }
}

/** Second pass: adds the blocks' sums in order, one thread for each element of the kernel. */
class AddBlocksProgram implements WebGPUProgram {
  readonly variableNames = ["blocks"];
  readonly uniforms = "count : i32";
  readonly workgroupSize: [number, number, number] = [64, 1, 1];
  readonly size = true;
  readonly dispatchLayout: { x: number[] };
  dispatch: [number, number, number];
  shaderKey = "herdFilterSum";

  constructor(readonly outputShape: number[]) {
    this.dispatchLayout = webgpu_util.flatDispatchLayout(outputShape);
    this.dispatch = webgpu_util.computeDispatch(this.dispatchLayout, outputShape, this.workgroupSize);
  }

  getUserCode(): string {
    return `
      fn main(index : i32) {
        if (index >= uniforms.size) { return; }
        var sum = 0.0;
        for (var block = 0; block < uniforms.count; block++) {
          sum += blocks[block * uniforms.size + index];
        }
        result[index] = sum;
      }
    `;
  }
}

/** Puts the kernel in the place of TF.js' own, for 3×3 kernels at stride 1 without padding: the only ones that Herd has. */
export function registerFilterGradient(): void {
  tf.unregisterKernel("Conv2DBackpropFilter", "webgpu");
  tf.registerKernel({
    kernelName: "Conv2DBackpropFilter",
    backendName: "webgpu",
    kernelFunc: ({ inputs, attrs, backend }) => {
      const { strides, pad, filterShape } = attrs as unknown as tf.Conv2DBackpropFilterAttrs;
      if (String(strides) !== "1" || pad !== "valid" || filterShape[0] !== 3 || filterShape[1] !== 3) {
        throw new RangeError(`A kernel of ${filterShape} at stride ${strides}, padding ${pad}, has no gradient here`);
      }
      const { x, dy } = inputs as unknown as { x: tf.TensorInfo; dy: tf.TensorInfo };
      return filterGradient(backend as WebGPUBackend, x, dy, filterShape);
    },
  });
}

function filterGradient(backend: WebGPUBackend, x: tf.TensorInfo, dy: tf.TensorInfo, shape: number[]): tf.TensorInfo {
  const [samples, height, width, filters] = dy.shape as [number, number, number, number];
  const channels = x.shape[3]!;
  const vector = filters % 4 === 0 ? 4 : 1;
  const lanes = channels * filters / vector;
  const { rows, perImage } = cutRows(samples, height, width, lanes);
  const blocks = samples * perImage;
  const uniforms = [blocks * lanes, rows, perImage].map((value) => ({ type: "int32", data: [value] }));
  const first = new BlockSumProgram([blocks, 9, channels, filters], blocks * lanes, vector);
  const sums = backend.runWebGPUProgram(first, [x, dy], "float32", uniforms);
  const count = [{ type: "int32", data: [blocks] }];
  const gradient = backend.runWebGPUProgram(new AddBlocksProgram(shape), [sums], "float32", count);
  backend.disposeData(sums.dataId);
  return gradient;
}
