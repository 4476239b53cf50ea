// What the device's float32 arithmetic is like: whether it adds as IEEE 754 says, whether it fuses multiply and add, and
// what it does with subnormal numbers. Devices differ here, and with them the bits of a run.
import * as tf from "@tensorflow/tfjs";
import { webgpu_util, type WebGPUBackend, type WebGPUProgram } from "@tensorflow/tfjs-backend-webgpu";
import { threefry } from "../../shared/threefry.ts";

const COUNT = 256;

/** Whether the device's float32 sums have the bits of the host's: random pairs of near exponents, ties, zeros, subnormals. */
export async function addsExactly(): Promise<boolean> {
  const special = [
    [1e-39, 2e-39],
    [2 ** -126, -(2 ** -127)],
    [2 ** -149, 2 ** -149],
    [2 ** -126, -(2 ** -126 + 2 ** -149)],
    [1, 2 ** -24],
    [1 + 2 ** -23, 2 ** -24],
    [16777216, 1],
    [-0, -0],
    [3e38, 3e38],
  ] as const;
  const left = new Float32Array(COUNT);
  const right = new Float32Array(COUNT);
  for (let i = 0; i < COUNT; i++) {
    const [a, b] = special[i] ?? threefry(0, 0, 0, i).map(nearOne) as [number, number];
    left[i] = a;
    right[i] = b;
  }
  const sum = tf.tidy(() => tf.add(tf.tensor1d(left), tf.tensor1d(right)));
  try {
    const bits = bitsOf(await sum.data<"float32">());
    return bitsOf(left.map((a, i) => a + right[i]!)).every((word, i) => word === bits[i]);
  } finally {
    sum.dispose();
  }
}

/** Any sign, any mantissa, an exponent of −8 … 7. */
function nearOne(word: number): number {
  return (word & 1 ? -1 : 1) * (1 + (word >>> 9) * 2 ** -23) * 2 ** ((word >>> 1 & 15) - 8);
}

/** The bits of a · b + c in one kernel, in hexadecimal: fused or not, flushed or not, and on a few ordinary numbers. */
export async function probeArithmetic(): Promise<string> {
  const cases = [
    [1 + 2 ** -12, 1 + 2 ** -12, -(1 + 2 ** -11)],
    [2 ** -100, 2 ** -40, 0],
    [2 ** -140, 2 ** 20, 0],
    [2 ** -126, 0.5, 2 ** -149],
    ...Array.from({ length: 12 }, (_, i) => [1 / (i + 3), Math.SQRT2 * i, -Math.PI / (i + 1)]),
  ];
  const columns = [0, 1, 2].map((column) => Float32Array.from(cases, (row) => row[column]!));
  const result = tf.tidy(() => {
    const inputs = columns.map((values) => tf.tensor1d(values));
    const program = new MultiplyAddProgram([cases.length]);
    return tf.engine().makeTensorFromTensorInfo(
      (tf.backend() as WebGPUBackend).runWebGPUProgram(program, inputs, "float32"),
    );
  });
  try {
    return [...bitsOf(await result.data<"float32">())].map((word) => word.toString(16).padStart(8, "0")).join("");
  } finally {
    result.dispose();
  }
}

class MultiplyAddProgram implements WebGPUProgram {
  readonly variableNames = ["a", "b", "c"];
  readonly workgroupSize: [number, number, number] = [64, 1, 1];
  readonly size = true;
  readonly dispatchLayout: { x: number[] };
  dispatch: [number, number, number];
  shaderKey = "herdMultiplyAdd";

  constructor(readonly outputShape: number[]) {
    this.dispatchLayout = webgpu_util.flatDispatchLayout(outputShape);
    this.dispatch = webgpu_util.computeDispatch(this.dispatchLayout, outputShape, this.workgroupSize);
  }

  getUserCode(): string {
    return `
      fn main(index : i32) {
        if (index < uniforms.size) {
          setOutputAtIndex(index, getA(index) * getB(index) + getC(index));
        }
      }
    `;
  }
}

function bitsOf(values: Float32Array): Uint32Array {
  return new Uint32Array(values.buffer, values.byteOffset, values.length);
}
