// deno-fmt-ignore-file: it would drop the decorators of AssemblyScript
// The multiply-add that every kernel is made of. Relaxed SIMD lets the processor fuse it; the plain build rounds twice.

/** a·b + c on four lanes. */
@inline

export function madd(a: v128, b: v128, c: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f32x4.relaxed_madd(a, b, c);
  return f32x4.add(f32x4.mul(a, b), c);
}
