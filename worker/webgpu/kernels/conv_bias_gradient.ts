// The gradient of a block's biases: the sum of the windows' gradients, where they have one, over a row of one image.
// Partial sums: [image][row][filter].
import type { ConvBlock } from "./conv_shape.ts";
import { type Dispatch, dispatch, load, type Slice } from "./dispatch.ts";

/** The first pass; the second is sum_partials.ts over images × rows. */
export function convBiasGradient(
  { name, images, pooled, pitch, quads }: ConvBlock,
  { gradients, origins, partials, threads }: {
    readonly gradients: Slice;
    readonly origins: Slice;
    readonly partials: Slice;
    readonly threads: number;
  },
): Dispatch {
  const count = images * pooled * quads;
  return dispatch(`${name} bias gradient`, {
    bindings: [
      { name: "gradients", type: "array<vec4<f32>>", access: "read", at: gradients },
      { name: "origins", type: "array<u32>", access: "read", at: origins },
      { name: "partials", type: "array<vec4<f32>>", access: "read_write", at: partials },
    ],
    threads,
    workgroups: [Math.ceil(count / threads), 1, 1],
    body: `  let i = min(id.x, ${count - 1}u);
  let row = i / ${quads}u;
  let first = ((row / ${pooled}u * ${pitch}u + row % ${pooled}u + 1u) * ${pitch}u + 1u) * ${quads}u + i % ${quads}u;
  var sum = vec4<f32>();
  for (var x = 0u; x < ${pooled}u; x++) {
    let at = first + x * ${quads}u;
    let open = ((vec4(${load(origins, "origins", "at")}) >> vec4(0u, 8u, 16u, 24u)) & vec4(255u)) < vec4(4u);
    sum += select(vec4<f32>(), ${load(gradients, "gradients", "at")}, open);
  }
  partials[i] = sum;`,
  });
}
