// deno-fmt-ignore-file: it would drop the decorators of AssemblyScript
// Dropout's random bits: Threefry-2x32 with 20 rounds on four counters at once, the integers of shared/threefry.ts.

const PARITY: u32 = 0x1bd11bda;

@inline
function rotate(x: v128, bits: i32): v128 {
  return v128.or(i32x4.shl(x, bits), i32x4.shr_u(x, 32 - bits));
}

/**
 * Draws `calls` calls with counters (layer, first …) in order. A call leaves 4 × 16 bits: low and high half of word 0, low
 * and high half of word 1. Writes in steps of 4 calls (32 bytes), so up to 24 bytes past the end.
 */
export function draw(target: usize, key0: u32, key1: u32, layer: u32, first: u32, calls: i32): void {
  const k0 = i32x4.splat(key0);
  const k1 = i32x4.splat(key1);
  const k2 = i32x4.splat(PARITY ^ key0 ^ key1);
  const start = i32x4.splat(layer + key0);
  const k2a = i32x4.add(k2, i32x4.splat(1));
  const k0b = i32x4.add(k0, i32x4.splat(2));
  const k1c = i32x4.add(k1, i32x4.splat(3));
  const k2d = i32x4.add(k2, i32x4.splat(4));
  const k0e = i32x4.add(k0, i32x4.splat(5));
  let counter = i32x4.add(i32x4.add(i32x4.splat(first), i32x4(0, 1, 2, 3)), k1);
  for (let call = 0; call < calls; call += 4) {
    let x = start;
    let y = counter;
    counter = i32x4.add(counter, i32x4.splat(4));
    x = i32x4.add(x, y), y = v128.xor(rotate(y, 13), x);
    x = i32x4.add(x, y), y = v128.xor(rotate(y, 15), x);
    x = i32x4.add(x, y), y = v128.xor(rotate(y, 26), x);
    x = i32x4.add(x, y), y = v128.xor(rotate(y, 6), x);
    x = i32x4.add(x, k1), y = i32x4.add(y, k2a);
    x = i32x4.add(x, y), y = v128.xor(rotate(y, 17), x);
    x = i32x4.add(x, y), y = v128.xor(rotate(y, 29), x);
    x = i32x4.add(x, y), y = v128.xor(rotate(y, 16), x);
    x = i32x4.add(x, y), y = v128.xor(rotate(y, 24), x);
    x = i32x4.add(x, k2), y = i32x4.add(y, k0b);
    x = i32x4.add(x, y), y = v128.xor(rotate(y, 13), x);
    x = i32x4.add(x, y), y = v128.xor(rotate(y, 15), x);
    x = i32x4.add(x, y), y = v128.xor(rotate(y, 26), x);
    x = i32x4.add(x, y), y = v128.xor(rotate(y, 6), x);
    x = i32x4.add(x, k0), y = i32x4.add(y, k1c);
    x = i32x4.add(x, y), y = v128.xor(rotate(y, 17), x);
    x = i32x4.add(x, y), y = v128.xor(rotate(y, 29), x);
    x = i32x4.add(x, y), y = v128.xor(rotate(y, 16), x);
    x = i32x4.add(x, y), y = v128.xor(rotate(y, 24), x);
    x = i32x4.add(x, k1), y = i32x4.add(y, k2d);
    x = i32x4.add(x, y), y = v128.xor(rotate(y, 13), x);
    x = i32x4.add(x, y), y = v128.xor(rotate(y, 15), x);
    x = i32x4.add(x, y), y = v128.xor(rotate(y, 26), x);
    x = i32x4.add(x, y), y = v128.xor(rotate(y, 6), x);
    x = i32x4.add(x, k2), y = i32x4.add(y, k0e);
    v128.store(target, v128.shuffle<i32>(x, y, 0, 4, 1, 5));
    v128.store(target, v128.shuffle<i32>(x, y, 2, 6, 3, 7), 16);
    target += 32;
  }
}
