// deno-fmt-ignore-file: it would drop the decorators of AssemblyScript
// Lists of the non-zero gradients of a conv block, one for each output channel: pairs of (i32 byte offset of the 3×3 window's
// first input pixel, f32 value).

/** All ones in the lanes whose bit `bit` is set. */
@inline
function spreadBit(codes: v128, bit: i32): v128 {
  return i32x4.shr_s(i32x4.shl(codes, 31 - bit), 31);
}

/**
 * Lists what passes of the pooled gradient in a band of `rows` rows of windows, `scale` times, and adds it to the bias
 * gradient. Four channels at a time; every channel's pair is written, but only what is not 0 is kept.
 * @param gradient rows × windows × stride float32; `origin` the same in bytes
 * @param biasSums stride float32
 * @param lists one list for each channel, `capacity` bytes apart
 * @param ends table of stride u32: where each list ends
 */
export function listGradients(
  gradient: usize,
  origin: usize,
  windows: i32,
  rows: i32,
  stride: i32,
  pixelBytes: usize,
  rowBytes: usize,
  scale: f32,
  biasSums: usize,
  lists: usize,
  capacity: usize,
  ends: usize,
): void {
  const scales = f32x4.splat(scale);
  const right = i32x4.splat(<i32>pixelBytes);
  const below = i32x4.splat(<i32>rowBytes);
  const step = i32x4.splat(<i32>(2 * pixelBytes));
  for (let channel = 0; channel < stride; channel += 4) {
    let list0 = lists;
    let list1 = list0 + capacity;
    let list2 = list1 + capacity;
    let list3 = list2 + capacity;
    let sum = v128.load(biasSums);
    let value = gradient;
    let code = origin;
    for (let row = 0; row < rows; row++) {
      let corner = i32x4.splat(2 * row * <i32>rowBytes);
      for (let window = 0; window < windows; window++) {
        const codes = i32x4.extend_low_i16x8_s(i16x8.extend_low_i8x16_s(v128.load32_zero(code)));
        const passed = v128.andnot(f32x4.mul(v128.load(value), scales), i32x4.shr_s(codes, 31));
        sum = f32x4.add(sum, passed);
        const column = v128.and(spreadBit(codes, 0), right);
        const line = v128.and(spreadBit(codes, 1), below);
        const offsets = i32x4.add(corner, i32x4.add(column, line));
        corner = i32x4.add(corner, step);
        const kept = i32x4.bitmask(f32x4.ne(passed, f32x4.splat(0)));
        const first = v128.shuffle<i32>(offsets, passed, 0, 4, 1, 5);
        const second = v128.shuffle<i32>(offsets, passed, 2, 6, 3, 7);
        v128.store_lane<i64>(list0, first, 0);
        v128.store_lane<i64>(list1, first, 1);
        v128.store_lane<i64>(list2, second, 0);
        v128.store_lane<i64>(list3, second, 1);
        list0 += <usize>(kept & 1) << 3;
        list1 += <usize>(kept & 2) << 2;
        list2 += <usize>(kept & 4) << 1;
        list3 += <usize>(kept & 8);
        value += <usize>stride << 2;
        code += stride;
      }
    }
    v128.store(biasSums, sum);
    store<u32>(ends, <u32>list0);
    store<u32>(ends, <u32>list1, 4);
    store<u32>(ends, <u32>list2, 8);
    store<u32>(ends, <u32>list3, 12);
    biasSums += 16;
    gradient += 16;
    origin += 4;
    ends += 16;
    lists += 4 * capacity;
  }
}
