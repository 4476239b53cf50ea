// deno-fmt-ignore-file: it would drop the decorators of AssemblyScript
// Products with sparse gradients, as lists.ts lists them: pairs of (i32 byte offset, f32 value) of one output channel. The
// 3×3 window at the offset has three rows of 3 · channels contiguous floats.
// Registers hold the sums (weight gradient) or the weights (input gradient) while the list runs by. Where V8 checks bounds in
// code, every other immediate offset keeps a register of its own: so there are four, from three bases.
import { madd } from "./madd.ts";

/** sums[0 … 48) += Σ value · input[offset …]: 12 vectors. */
export function sumRows12(list: usize, end: usize, input: usize, sums: usize): void {
  let s0 = v128.load(sums, 0);
  let s1 = v128.load(sums, 16);
  let s2 = v128.load(sums, 32);
  let s3 = v128.load(sums, 48);
  let s4 = v128.load(sums, 64);
  let s5 = v128.load(sums, 80);
  let s6 = v128.load(sums, 96);
  let s7 = v128.load(sums, 112);
  let s8 = v128.load(sums, 128);
  let s9 = v128.load(sums, 144);
  let s10 = v128.load(sums, 160);
  let s11 = v128.load(sums, 176);
  for (; list < end; list += 8) {
    const x0 = input + load<u32>(list);
    const x1 = x0 + 64;
    const x2 = x1 + 64;
    const value = v128.load32_splat(list, 4);
    s0 = madd(value, v128.load(x0), s0);
    s1 = madd(value, v128.load(x0, 16), s1);
    s2 = madd(value, v128.load(x0, 32), s2);
    s3 = madd(value, v128.load(x0, 48), s3);
    s4 = madd(value, v128.load(x1), s4);
    s5 = madd(value, v128.load(x1, 16), s5);
    s6 = madd(value, v128.load(x1, 32), s6);
    s7 = madd(value, v128.load(x1, 48), s7);
    s8 = madd(value, v128.load(x2), s8);
    s9 = madd(value, v128.load(x2, 16), s9);
    s10 = madd(value, v128.load(x2, 32), s10);
    s11 = madd(value, v128.load(x2, 48), s11);
  }
  v128.store(sums, s0, 0);
  v128.store(sums, s1, 16);
  v128.store(sums, s2, 32);
  v128.store(sums, s3, 48);
  v128.store(sums, s4, 64);
  v128.store(sums, s5, 80);
  v128.store(sums, s6, 96);
  v128.store(sums, s7, 112);
  v128.store(sums, s8, 128);
  v128.store(sums, s9, 144);
  v128.store(sums, s10, 160);
  v128.store(sums, s11, 176);
}

/** sums[0 … 24) += Σ value · input[offset …]: 6 vectors. */
export function sumRows6(list: usize, end: usize, input: usize, sums: usize): void {
  let s0 = v128.load(sums, 0);
  let s1 = v128.load(sums, 16);
  let s2 = v128.load(sums, 32);
  let s3 = v128.load(sums, 48);
  let s4 = v128.load(sums, 64);
  let s5 = v128.load(sums, 80);
  for (; list < end; list += 8) {
    const x0 = input + load<u32>(list);
    const x1 = x0 + 64;
    const value = v128.load32_splat(list, 4);
    s0 = madd(value, v128.load(x0), s0);
    s1 = madd(value, v128.load(x0, 16), s1);
    s2 = madd(value, v128.load(x0, 32), s2);
    s3 = madd(value, v128.load(x0, 48), s3);
    s4 = madd(value, v128.load(x1), s4);
    s5 = madd(value, v128.load(x1, 16), s5);
  }
  v128.store(sums, s0, 0);
  v128.store(sums, s1, 16);
  v128.store(sums, s2, 32);
  v128.store(sums, s3, 48);
  v128.store(sums, s4, 64);
  v128.store(sums, s5, 80);
}

/** target[offset …] += value · weights: 12 vectors for every pair. */
export function spreadRows12(list: usize, end: usize, target: usize, weights: usize): void {
  const w0 = v128.load(weights, 0);
  const w1 = v128.load(weights, 16);
  const w2 = v128.load(weights, 32);
  const w3 = v128.load(weights, 48);
  const w4 = v128.load(weights, 64);
  const w5 = v128.load(weights, 80);
  const w6 = v128.load(weights, 96);
  const w7 = v128.load(weights, 112);
  const w8 = v128.load(weights, 128);
  const w9 = v128.load(weights, 144);
  const w10 = v128.load(weights, 160);
  const w11 = v128.load(weights, 176);
  for (; list < end; list += 8) {
    const y0 = target + load<u32>(list);
    const y1 = y0 + 64;
    const y2 = y1 + 64;
    const value = v128.load32_splat(list, 4);
    v128.store(y0, madd(value, w0, v128.load(y0)));
    v128.store(y0, madd(value, w1, v128.load(y0, 16)), 16);
    v128.store(y0, madd(value, w2, v128.load(y0, 32)), 32);
    v128.store(y0, madd(value, w3, v128.load(y0, 48)), 48);
    v128.store(y1, madd(value, w4, v128.load(y1)));
    v128.store(y1, madd(value, w5, v128.load(y1, 16)), 16);
    v128.store(y1, madd(value, w6, v128.load(y1, 32)), 32);
    v128.store(y1, madd(value, w7, v128.load(y1, 48)), 48);
    v128.store(y2, madd(value, w8, v128.load(y2)));
    v128.store(y2, madd(value, w9, v128.load(y2, 16)), 16);
    v128.store(y2, madd(value, w10, v128.load(y2, 32)), 32);
    v128.store(y2, madd(value, w11, v128.load(y2, 48)), 48);
  }
}

/** target[offset …] += value · weights: 6 vectors for every pair. */
export function spreadRows6(list: usize, end: usize, target: usize, weights: usize): void {
  const w0 = v128.load(weights, 0);
  const w1 = v128.load(weights, 16);
  const w2 = v128.load(weights, 32);
  const w3 = v128.load(weights, 48);
  const w4 = v128.load(weights, 64);
  const w5 = v128.load(weights, 80);
  for (; list < end; list += 8) {
    const y0 = target + load<u32>(list);
    const y1 = y0 + 64;
    const value = v128.load32_splat(list, 4);
    v128.store(y0, madd(value, w0, v128.load(y0)));
    v128.store(y0, madd(value, w1, v128.load(y0, 16)), 16);
    v128.store(y0, madd(value, w2, v128.load(y0, 32)), 32);
    v128.store(y0, madd(value, w3, v128.load(y0, 48)), 48);
    v128.store(y1, madd(value, w4, v128.load(y1)));
    v128.store(y1, madd(value, w5, v128.load(y1, 16)), 16);
  }
}

/** The whole window of a 3-channel image: three rows of 9 floats, read as 3 vectors; the last 3 lanes are not used. */
export function sumImageWindows(list: usize, end: usize, input: usize, rowBytes: usize, sums: usize): void {
  let s0 = v128.load(sums, 0);
  let s1 = v128.load(sums, 16);
  let s2 = v128.load(sums, 32);
  let s3 = v128.load(sums, 48);
  let s4 = v128.load(sums, 64);
  let s5 = v128.load(sums, 80);
  let s6 = v128.load(sums, 96);
  let s7 = v128.load(sums, 112);
  let s8 = v128.load(sums, 128);
  for (; list < end; list += 8) {
    const x = input + load<u32>(list);
    const y = x + rowBytes;
    const z = y + rowBytes;
    const value = v128.load32_splat(list, 4);
    s0 = madd(value, v128.load(x, 0), s0);
    s1 = madd(value, v128.load(x, 16), s1);
    s2 = madd(value, v128.load(x, 32), s2);
    s3 = madd(value, v128.load(y, 0), s3);
    s4 = madd(value, v128.load(y, 16), s4);
    s5 = madd(value, v128.load(y, 32), s5);
    s6 = madd(value, v128.load(z, 0), s6);
    s7 = madd(value, v128.load(z, 16), s7);
    s8 = madd(value, v128.load(z, 32), s8);
  }
  v128.store(sums, s0, 0);
  v128.store(sums, s1, 16);
  v128.store(sums, s2, 32);
  v128.store(sums, s3, 48);
  v128.store(sums, s4, 64);
  v128.store(sums, s5, 80);
  v128.store(sums, s6, 96);
  v128.store(sums, s7, 112);
  v128.store(sums, s8, 128);
}
