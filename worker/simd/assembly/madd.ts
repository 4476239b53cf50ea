// deno-fmt-ignore-file: it would drop the decorators of AssemblyScript
// The arithmetic that differs between the builds. Relaxed SIMD lets the processor fuse multiply-adds; the plain build rounds twice.

/** a·b + c on four lanes. */
@inline
export function madd(a: v128, b: v128, c: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f32x4.relaxed_madd(a, b, c);
  return f32x4.add(f32x4.mul(a, b), c);
}

/** c − a·b on four lanes. */
@inline
export function nmadd(a: v128, b: v128, c: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f32x4.relaxed_nmadd(a, b, c);
  return f32x4.sub(c, f32x4.mul(a, b));
}

/** Whole numbers of floats that are whole and small. */
@inline
export function toIntegers(a: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return i32x4.relaxed_trunc_f32x4_s(a);
  return i32x4.trunc_sat_f32x4_s(a);
}

/**
 * The same vector, but no constant to the compiler: V8 builds vector constants anew at every use, in three to five instructions.
 * @param scratch 16 bytes
 */
@inline
export function opaque(value: v128, scratch: usize): v128 {
  v128.store(scratch, value);
  return v128.load(scratch);
}
