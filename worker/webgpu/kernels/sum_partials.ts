// The second pass of every gradient that is summed in bands: adds the partial sums in their order, image by image and band by band,
// whatever computed them. No atomics: the sum has the same bits each time.
import { type Dispatch, dispatch, literal, type Slice } from "./dispatch.ts";

/**
 * WGSL of `positive_zero(sums)`: −0 becomes 0. A sum of nothing but −0 would be −0, and 0 with a sample that only fills the leaf up.
 * Bits are looked at, since a driver may take both for equal.
 */
export const POSITIVE_ZERO = `fn positive_zero(sums: vec4<f32>) -> vec4<f32> {
  return select(sums, vec4<f32>(), (bitcast<vec4<u32>>(sums) << vec4(1u)) == vec4<u32>());
}`;

/**
 * target[i] = scale · Σ partials[p][i], p = 0 … count − 1.
 * @param vectors vec4 of a partial sum, and of the target
 */
export function sumPartials(
  label: string,
  { vectors, count, scale, partials, target, threads }: {
    readonly vectors: number;
    readonly count: number;
    readonly scale: number;
    readonly partials: Slice;
    readonly target: Slice;
    readonly threads: number;
  },
): Dispatch {
  return dispatch(`${label} sum`, {
    bindings: [
      { name: "partials", type: "array<vec4<f32>>", access: "read", at: partials },
      { name: "target_sums", type: "array<vec4<f32>>", access: "read_write", at: target },
    ],
    threads,
    workgroups: [Math.ceil(vectors / threads), 1, 1],
    functions: POSITIVE_ZERO,
    body: `  let i = min(id.x, ${vectors - 1}u);
  var sum = vec4<f32>();
  for (var p = 0u; p < ${count}u; p++) { sum += partials[p * ${vectors}u + i]; }
  target_sums[i] = positive_zero(sum${scale === 1 ? "" : ` * ${literal(scale)}`});`,
  });
}
