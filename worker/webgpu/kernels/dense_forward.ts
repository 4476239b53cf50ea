// A dense layer forward: parts of each row times the weights, then the parts in order, the bias and ReLU.
import type { DenseLayer, DenseTile } from "./dense_shape.ts";
import { COMPONENTS, type Dispatch, dispatch, loadAt, range, type Slice } from "./dispatch.ts";

/** Vectors of a row that a thread goes through. */
function partOf({ inputQuads }: DenseLayer, { splits }: DenseTile): number {
  return Math.ceil(inputQuads / splits);
}

/** Bytes of the partial products. */
export function densePartialBytes({ images, outputQuads }: DenseLayer, { splits }: DenseTile): number {
  return 16 * splits * images * outputQuads;
}

/** [images][inputQuads] times weights gives [images][outputQuads] vec4. */
export function denseForward(
  layer: DenseLayer,
  tile: DenseTile,
  { inputs, weights, bias, partials, outputs }: {
    readonly inputs: Slice;
    readonly weights: Slice;
    readonly bias: Slice;
    readonly partials: Slice;
    readonly outputs: Slice;
  },
): Dispatch[] {
  const { name, images, inputQuads, outputQuads, shape } = layer;
  const part = partOf(layer, tile);
  const together = Math.min(tile.images, images);
  const threads = outputQuads * tile.splits;
  const sums = range(together);
  const product = dispatch(`${name} forward`, {
    bindings: [
      { name: "inputs", type: "array<vec4<f32>>", access: "read", at: inputs },
      { name: "weights", type: "array<vec4<f32>>", access: "read", at: weights },
      { name: "partials", type: "array<vec4<f32>>", access: "read_write", at: partials },
    ],
    threads: tile.threads,
    workgroups: [Math.ceil(threads / tile.threads), Math.ceil(images / together), 1],
    body: `  let i = min(id.x, ${threads - 1}u);
  let o = i % ${outputQuads}u;
  let split = i / ${outputQuads}u;
${
      sums.map((n) => `  let n${n} = min(id.y * ${together}u + ${n}u, ${images - 1}u); var s${n} = vec4<f32>();`).join(
        "\n",
      )
    }
  for (var q = min(split * ${part}u, ${inputQuads}u); q < min((split + 1u) * ${part}u, ${inputQuads}u); q++) {
${
      range(4).map((k) => `  let w${k} = ${loadAt(weights, "weights", `(4u * q + ${k}u) * ${outputQuads}u + o`)};`)
        .join("\n")
    }
${
      sums.map((n) =>
        `  { let x = ${loadAt(inputs, "inputs", `n${n} * ${inputQuads}u + q`)}; ` +
        COMPONENTS.map((component, k) => `s${n} += w${k} * x.${component};`).join(" ") + " }"
      ).join("\n")
    }
  }
${sums.map((n) => `  partials[(split * ${images}u + n${n}) * ${outputQuads}u + o] = s${n};`).join("\n")}`,
  });
  const count = images * outputQuads;
  const sum = dispatch(`${name} forward sum`, {
    bindings: [
      { name: "partials", type: "array<vec4<f32>>", access: "read", at: partials },
      { name: "bias", type: "array<vec4<f32>>", access: "read", at: bias },
      { name: "outputs", type: "array<vec4<f32>>", access: "read_write", at: outputs },
    ],
    threads: tile.threads,
    workgroups: [Math.ceil(count / tile.threads), 1, 1],
    // ReLU by comparison: a NaN is not below 0, and stays.
    body: `  let i = min(id.x, ${count - 1}u);
  var sum = vec4<f32>();
  for (var split = 0u; split < ${tile.splits}u; split++) { sum += partials[split * ${count}u + i]; }
  sum += bias[i % ${outputQuads}u];
  outputs[i] = ${shape.relu ? "select(sum, vec4<f32>(), sum < vec4<f32>())" : "sum"};`,
  });
  return [product, sum];
}
