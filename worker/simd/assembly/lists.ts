// deno-fmt-ignore-file: it would drop the decorators of AssemblyScript
// Lists of the non-zero gradients of a conv block, one for each output channel: pairs of (i32 byte offset of the 3×3 window's
// first input pixel, f32 value). A table holds where each list ends; it begins where the one before ends.

/**
 * Makes a band of pooled gradients those of the convolution: 0 where nothing passes, `scale` times the gradient elsewhere.
 * Adds their sums to the bias gradient.
 * @param gradient `count` windows × stride float32, changed in place; `origin` the same in bytes
 * @param biasSums stride float32
 */
export function maskGradient(
  gradient: usize,
  origin: usize,
  count: i32,
  stride: i32,
  scale: f32,
  biasSums: usize,
): void {
  const scales = f32x4.splat(scale);
  const pixelBytes = <usize>stride << 2;
  for (let channel = 0; channel < stride; channel += 4) {
    let sum = v128.load(biasSums);
    let value = gradient;
    let code = origin;
    for (let window = 0; window < count; window++) {
      const codes = i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(v128.load32_zero(code)));
      const alive = i32x4.lt_s(codes, i32x4.splat(4));
      const passed = v128.and(f32x4.mul(v128.load(value), scales), alive);
      v128.store(value, passed);
      sum = f32x4.add(sum, passed);
      value += pixelBytes;
      code += stride;
    }
    v128.store(biasSums, sum);
    biasSums += 16;
    gradient += 16;
    origin += 4;
  }
}

/**
 * Lists the non-zero gradients of every channel in a band of `rows` rows of windows.
 * @param positions scratch of 8 u32: byte offsets of a window's four positions, and room for dead ones
 * @param ends table of `filters` u32
 */
export function listGradients(
  gradient: usize,
  origin: usize,
  windows: i32,
  rows: i32,
  stride: i32,
  filters: i32,
  pixelBytes: usize,
  rowBytes: usize,
  positions: usize,
  lists: usize,
  ends: usize,
): void {
  store<u32>(positions, 0);
  store<u32>(positions, <u32>pixelBytes, 4);
  store<u32>(positions, <u32>rowBytes, 8);
  store<u32>(positions, <u32>(rowBytes + pixelBytes), 12);
  for (let filter = 0; filter < filters; filter++) {
    let value = gradient + (<usize>filter << 2);
    let code = origin + filter;
    for (let row = 0; row < rows; row++) {
      let offset = <usize>(2 * row) * rowBytes;
      const end = offset + <usize>(2 * windows) * pixelBytes;
      for (; offset < end; offset += 2 * pixelBytes) {
        const bits = load<u32>(value);
        store<u32>(lists, <u32>offset + load<u32>(positions + (<usize>load<u8>(code) << 2)));
        store<u32>(lists, bits, 4);
        lists += <usize>i32(bits != 0) << 3;
        value += <usize>stride << 2;
        code += stride;
      }
    }
    store<u32>(ends, <u32>lists);
    ends += 4;
  }
}
