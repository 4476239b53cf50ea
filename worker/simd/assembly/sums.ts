// deno-fmt-ignore-file: it would drop the decorators of AssemblyScript
// Gradient sums as flat arrays: the additions of the reduction tree, and the bias gradient of dense layers.

/** left[i] += right[i] for `count` floats: the only addition of the all-reduce. */
export function addInto(left: usize, right: usize, count: i32): void {
  let i = 0;
  for (; i + 16 <= count; i += 16) {
    v128.store(left, f32x4.add(v128.load(left), v128.load(right)));
    v128.store(left, f32x4.add(v128.load(left, 16), v128.load(right, 16)), 16);
    v128.store(left, f32x4.add(v128.load(left, 32), v128.load(right, 32)), 32);
    v128.store(left, f32x4.add(v128.load(left, 48), v128.load(right, 48)), 48);
    left += 64;
    right += 64;
  }
  for (; i < count; i++) {
    store<f32>(left, load<f32>(left) + load<f32>(right));
    left += 4;
    right += 4;
  }
}

/** target[i] = Σ over `count` rows of rows[n][i], in order of n. */
export function sumRows(count: i32, rows: usize, rowBytes: usize, width: i32, target: usize): void {
  for (let i = 0; i < width; i++) {
    let sum: f32 = 0;
    let value = rows;
    for (let n = 0; n < count; n++) {
      sum += load<f32>(value);
      value += rowBytes;
    }
    store<f32>(target, sum);
    rows += 4;
    target += 4;
  }
}
