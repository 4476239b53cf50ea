// deno-fmt-ignore-file: it would drop the decorators of AssemblyScript
// The most multiply-adds that this core can do, for the bench to compare with: twelve independent chains, as the kernels have.
import { madd } from "./madd.ts";

/** 48 multiply-adds (96 operations) a round on 8 floats at `values`; leaves their sum there. */
export function chains(rounds: i32, values: usize): void {
  const a = v128.load(values), b = v128.load(values, 16);
  let s0 = a, s1 = a, s2 = a, s3 = a, s4 = a, s5 = a;
  let s6 = b, s7 = b, s8 = b, s9 = b, s10 = b, s11 = b;
  for (let round = 0; round < rounds; round++) {
    s0 = madd(a, b, s0), s1 = madd(a, b, s1), s2 = madd(a, b, s2), s3 = madd(a, b, s3);
    s4 = madd(a, b, s4), s5 = madd(a, b, s5), s6 = madd(a, b, s6), s7 = madd(a, b, s7);
    s8 = madd(a, b, s8), s9 = madd(a, b, s9), s10 = madd(a, b, s10), s11 = madd(a, b, s11);
  }
  const first = f32x4.add(f32x4.add(s0, s1), f32x4.add(s2, f32x4.add(s3, f32x4.add(s4, s5))));
  const second = f32x4.add(f32x4.add(s6, s7), f32x4.add(s8, f32x4.add(s9, f32x4.add(s10, s11))));
  v128.store(values, f32x4.add(first, second));
}
