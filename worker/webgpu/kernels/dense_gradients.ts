// A dense layer backward: the gradients of its weights and biases, summed over the images in their order, and of its inputs, through
// its dropout and the ReLU below.
import { dropoutScale } from "../../../shared/dropout.ts";
import type { DenseLayer, DenseTile } from "./dense_shape.ts";
import { type Binding, COMPONENTS, type Dispatch, dispatch, literal, loadAt, range, type Slice } from "./dispatch.ts";
import { keptVector } from "./dropout.ts";
import { dropoutFunctions, SAMPLE_STRUCT, sampleBinding } from "./samples.ts";
import { POSITIVE_ZERO } from "./sum_partials.ts";

/** Input vectors a thread. */
const ROW_VECTORS = 2;

/** weights[i][o] = Σ input[n][i] · gradient[n][o]: [4 · inputQuads][outputQuads] vec4. */
export function denseWeightGradient(
  { name, images, inputQuads, outputQuads }: DenseLayer,
  { inputs, gradients, target, threads }: {
    readonly inputs: Slice;
    readonly gradients: Slice;
    readonly target: Slice;
    readonly threads: number;
  },
): Dispatch {
  const vectors = Math.min(ROW_VECTORS, inputQuads);
  const count = Math.ceil(inputQuads / vectors) * outputQuads;
  return dispatch(`${name} weight gradient`, {
    bindings: [
      { name: "inputs", type: "array<vec4<f32>>", access: "read", at: inputs },
      { name: "gradients", type: "array<vec4<f32>>", access: "read", at: gradients },
      { name: "target_sums", type: "array<vec4<f32>>", access: "read_write", at: target },
    ],
    threads,
    workgroups: [Math.ceil(count / threads), 1, 1],
    functions: POSITIVE_ZERO,
    body: `  let i = min(id.x, ${count - 1}u);
  let o = i % ${outputQuads}u;
  let q = min(i / ${outputQuads}u * ${vectors}u, ${inputQuads - vectors}u);
${range(images).map((n) => `  let g${n} = gradients[${n * outputQuads}u + o];`).join("\n")}
${
      range(vectors).map((v) =>
        [
          "  {",
          ...range(images).map((n) => `  let x${n} = ${loadAt(inputs, "inputs", `${n * inputQuads + v}u + q`)};`),
          ...COMPONENTS.map((component, k) =>
            `  target_sums[(4u * q + ${4 * v + k}u) * ${outputQuads}u + o] = positive_zero(` +
            range(images).map((n) => `x${n}.${component} * g${n}`).join(" + ") + ");"
          ),
          "  }",
        ].join("\n")
      ).join("\n")
    }`,
  });
}

/** bias[o] = Σ gradient[n][o]: [outputQuads] vec4. */
export function denseBiasGradient(
  { name, images, outputQuads }: DenseLayer,
  { gradients, target, threads }: { readonly gradients: Slice; readonly target: Slice; readonly threads: number },
): Dispatch {
  return dispatch(`${name} bias gradient`, {
    bindings: [
      { name: "gradients", type: "array<vec4<f32>>", access: "read", at: gradients },
      { name: "target_sums", type: "array<vec4<f32>>", access: "read_write", at: target },
    ],
    threads,
    workgroups: [Math.ceil(outputQuads / threads), 1, 1],
    functions: POSITIVE_ZERO,
    body: `  let o = min(id.x, ${outputQuads - 1}u);
  var sum = vec4<f32>();
  for (var n = 0u; n < ${images}u; n++) { sum += gradients[n * ${outputQuads}u + o]; }
  target_sums[o] = positive_zero(sum);`,
  });
}

/**
 * The gradient of the inputs, as rows, or into a conv block's bordered gradient.
 * @param pitch of the bordered gradient of the block below; undefined for rows
 * @param rectified whether the inputs went through a ReLU with nothing but dropout behind it: then none that is 0 has a gradient
 */
export function denseInputGradient(
  layer: DenseLayer,
  tile: DenseTile,
  { inputs, gradients, weights, samples, target, pitch, rectified }: {
    readonly inputs: Slice;
    readonly gradients: Slice;
    readonly weights: Slice;
    readonly samples: Slice;
    readonly target: Slice;
    readonly pitch: number | undefined;
    readonly rectified: boolean;
  },
): Dispatch {
  const { name, images, pixels, channels, quads, inputQuads, outputQuads, shape } = layer;
  const together = Math.min(tile.images, images);
  const draws = !rectified && shape.dropoutBefore > 0;
  const scale = shape.dropoutBefore > 0 ? ` * ${literal(dropoutScale(shape.dropoutBefore))}` : "";
  const side = Math.sqrt(pixels);
  const at = (n: number) =>
    pitch === undefined
      ? `n${n} * ${inputQuads}u + i`
      : `((n${n} * ${pitch}u + i / ${
        quads * side
      }u + 1u) * ${pitch}u + i / ${quads}u % ${side}u + 1u) * ${quads}u + i % ${quads}u`;
  const passes = (n: number) => {
    if (rectified) return `inputs[n${n} * ${inputQuads}u + i] > vec4<f32>()`;
    return draws ? keptVector(`samples[n${n}].key`, "i", channels, quads) : "vec4(true)";
  };
  const extra: Binding[] = rectified
    ? [{ name: "inputs", type: "array<vec4<f32>>", access: "read", at: inputs }]
    : draws
    ? [sampleBinding(images, samples)]
    : [];
  return dispatch(`${name} input gradient`, {
    bindings: [
      { name: "gradients", type: "array<vec4<f32>>", access: "read", at: gradients },
      { name: "weights", type: "array<vec4<f32>>", access: "read", at: weights },
      { name: "outputs", type: "array<vec4<f32>>", access: "read_write", at: target },
      ...extra,
    ],
    threads: tile.threads,
    workgroups: [Math.ceil(inputQuads / tile.threads), Math.ceil(images / together), 1],
    functions: draws ? `${SAMPLE_STRUCT}\n${dropoutFunctions(shape.layer, shape.dropoutBefore)}` : "",
    body: `  let i = min(id.x, ${inputQuads - 1}u);
${
      range(together).map((n) =>
        `  let n${n} = min(id.y * ${together}u + ${n}u, ${images - 1}u); var s${n} = vec4<f32>();`
      ).join("\n")
    }
  for (var o = 0u; o < ${outputQuads}u; o++) {
${
      range(4).map((k) => `  let w${k} = ${loadAt(weights, "weights", `(4u * i + ${k}u) * ${outputQuads}u + o`)};`)
        .join("\n")
    }
${
      range(together).map((n) =>
        `  { let g = gradients[n${n} * ${outputQuads}u + o]; s${n} += vec4(dot(w0, g), dot(w1, g), dot(w2, g), dot(w3, g)); }`
      ).join("\n")
    }
  }
${range(together).map((n) => `  outputs[${at(n)}] = select(vec4<f32>(), s${n}${scale}, ${passes(n)});`).join("\n")}`,
  });
}
