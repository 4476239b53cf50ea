// deno-fmt-ignore-file: it would drop the decorators of AssemblyScript
// Matrix product in panels, the forward kernel of convolutions and dense layers.
//   A: rows of `length` floats, `aStride` bytes apart
//   B: panels of 8 columns, `panelBytes` apart, each [length][8]
//   C: rows `cStride` bytes apart, 8 floats a panel; starts from `initial` (8 floats a panel), whose rows are `initialStride`
//      bytes apart: 0 for a bias, or C itself to go on adding
// A tile of 6 rows × 8 columns keeps 12 sums, 2 weights and 1 input in registers: V8 has 15 vector registers to give.
import { madd } from "./madd.ts";

/** C = initial + A · B for `count` rows and `panels` panels, in tiles of nearly equal height, at most 6 rows. */
export function multiply(
  count: i32,
  panels: i32,
  a: usize,
  aStride: usize,
  length: i32,
  b: usize,
  panelBytes: usize,
  initial: usize,
  initialStride: usize,
  c: usize,
  cStride: usize,
): void {
  const tiles = (count + 5) / 6;
  const height = count / tiles;
  const higher = count - tiles * height;
  for (let panel = 0; panel < panels; panel++) {
    let aRow = a;
    let cRow = c;
    let initialRow = initial;
    for (let i = 0; i < tiles; i++) {
      const rows = (i < higher ? height + 1 : height) as usize;
      switch (rows as i32) {
        case 6:
          tile6(aRow, aStride, length, b, initialRow, initialStride, cRow, cStride);
          break;
        case 5:
          tile5(aRow, aStride, length, b, initialRow, initialStride, cRow, cStride);
          break;
        case 4:
          tile4(aRow, aStride, length, b, initialRow, initialStride, cRow, cStride);
          break;
        case 3:
          tile3(aRow, aStride, length, b, initialRow, initialStride, cRow, cStride);
          break;
        case 2:
          tile2(aRow, aStride, length, b, initialRow, initialStride, cRow, cStride);
          break;
        default:
          tile1(aRow, aStride, length, b, initialRow, initialStride, cRow, cStride);
      }
      aRow += rows * aStride;
      cRow += rows * cStride;
      initialRow += rows * initialStride;
    }
    b += panelBytes;
    initial += 32;
    c += 32;
  }
}

function tile6(
  a: usize,
  aStride: usize,
  length: i32,
  b: usize,
  initial: usize,
  initialStride: usize,
  c: usize,
  cStride: usize,
): void {
  tile(6, a, aStride, length, b, initial, initialStride, c, cStride);
}

function tile5(
  a: usize,
  aStride: usize,
  length: i32,
  b: usize,
  initial: usize,
  initialStride: usize,
  c: usize,
  cStride: usize,
): void {
  tile(5, a, aStride, length, b, initial, initialStride, c, cStride);
}

function tile4(
  a: usize,
  aStride: usize,
  length: i32,
  b: usize,
  initial: usize,
  initialStride: usize,
  c: usize,
  cStride: usize,
): void {
  tile(4, a, aStride, length, b, initial, initialStride, c, cStride);
}

function tile3(
  a: usize,
  aStride: usize,
  length: i32,
  b: usize,
  initial: usize,
  initialStride: usize,
  c: usize,
  cStride: usize,
): void {
  tile(3, a, aStride, length, b, initial, initialStride, c, cStride);
}

function tile2(
  a: usize,
  aStride: usize,
  length: i32,
  b: usize,
  initial: usize,
  initialStride: usize,
  c: usize,
  cStride: usize,
): void {
  tile(2, a, aStride, length, b, initial, initialStride, c, cStride);
}

function tile1(
  a: usize,
  aStride: usize,
  length: i32,
  b: usize,
  initial: usize,
  initialStride: usize,
  c: usize,
  cStride: usize,
): void {
  tile(1, a, aStride, length, b, initial, initialStride, c, cStride);
}

/** One tile. `rows` is a constant after inlining, so the rows that it lacks vanish. */
@inline
function tile(
  rows: i32,
  a: usize,
  aStride: usize,
  length: i32,
  b: usize,
  initial: usize,
  initialStride: usize,
  c: usize,
  cStride: usize,
): void {
  let left0 = v128.load(initial), right0 = v128.load(initial, 16);
  let left1 = left0, right1 = right0;
  let left2 = left0, right2 = right0;
  let left3 = left0, right3 = right0;
  let left4 = left0, right4 = right0;
  let left5 = left0, right5 = right0;
  if (initialStride) {
    if (rows > 1) {
      initial += initialStride;
      left1 = v128.load(initial), right1 = v128.load(initial, 16);
    }
    if (rows > 2) {
      initial += initialStride;
      left2 = v128.load(initial), right2 = v128.load(initial, 16);
    }
    if (rows > 3) {
      initial += initialStride;
      left3 = v128.load(initial), right3 = v128.load(initial, 16);
    }
    if (rows > 4) {
      initial += initialStride;
      left4 = v128.load(initial), right4 = v128.load(initial, 16);
    }
    if (rows > 5) {
      initial += initialStride;
      left5 = v128.load(initial), right5 = v128.load(initial, 16);
    }
  }
  let a0 = a;
  let a1 = a0 + aStride;
  let a2 = a1 + aStride;
  let a3 = a2 + aStride;
  let a4 = a3 + aStride;
  let a5 = a4 + aStride;
  const end = b + ((length as usize) << 5);
  while (b < end) {
    const weightLeft = v128.load(b);
    const weightRight = v128.load(b, 16);
    b += 32;
    const x0 = v128.load32_splat(a0);
    a0 += 4;
    left0 = madd(x0, weightLeft, left0);
    right0 = madd(x0, weightRight, right0);
    if (rows > 1) {
      const x1 = v128.load32_splat(a1);
      a1 += 4;
      left1 = madd(x1, weightLeft, left1);
      right1 = madd(x1, weightRight, right1);
    }
    if (rows > 2) {
      const x2 = v128.load32_splat(a2);
      a2 += 4;
      left2 = madd(x2, weightLeft, left2);
      right2 = madd(x2, weightRight, right2);
    }
    if (rows > 3) {
      const x3 = v128.load32_splat(a3);
      a3 += 4;
      left3 = madd(x3, weightLeft, left3);
      right3 = madd(x3, weightRight, right3);
    }
    if (rows > 4) {
      const x4 = v128.load32_splat(a4);
      a4 += 4;
      left4 = madd(x4, weightLeft, left4);
      right4 = madd(x4, weightRight, right4);
    }
    if (rows > 5) {
      const x5 = v128.load32_splat(a5);
      a5 += 4;
      left5 = madd(x5, weightLeft, left5);
      right5 = madd(x5, weightRight, right5);
    }
  }
  v128.store(c, left0);
  v128.store(c, right0, 16);
  if (rows > 1) {
    c += cStride;
    v128.store(c, left1);
    v128.store(c, right1, 16);
  }
  if (rows > 2) {
    c += cStride;
    v128.store(c, left2);
    v128.store(c, right2, 16);
  }
  if (rows > 3) {
    c += cStride;
    v128.store(c, left3);
    v128.store(c, right3, 16);
  }
  if (rows > 4) {
    c += cStride;
    v128.store(c, left4);
    v128.store(c, right4, 16);
  }
  if (rows > 5) {
    c += cStride;
    v128.store(c, left5);
    v128.store(c, right5, 16);
  }
}
