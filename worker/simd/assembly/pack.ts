// deno-fmt-ignore-file: it would drop the decorators of AssemblyScript
// Weights from the flat layout (HWIO or [in, out]) into the layouts that kernels read, and gradients back. Padding channels
// get zeros, so that they stay zero through the network.

/** Panels of 8 columns: source [rows][columns] → target [⌈columns / 8⌉][rows][8]. */
export function packPanels(source: usize, rows: i32, columns: i32, target: usize): void {
  const panels = (columns + 7) >> 3;
  for (let row = 0; row < rows; row++) {
    for (let panel = 0; panel < panels; panel++) {
      const to = target + (<usize>(panel * rows + row) << 5);
      const width = columns - (panel << 3);
      if (width >= 8) {
        v128.store(to, v128.load(source));
        v128.store(to, v128.load(source, 16), 16);
        source += 32;
      } else {
        v128.store(to, f32x4.splat(0));
        v128.store(to, f32x4.splat(0), 16);
        memory.copy(to, source, <usize>width << 2);
        source += <usize>width << 2;
      }
    }
  }
}

/** Conv panels: source [9][channels][filters] → target [panels][9 · stride][8]; rows of padding channels are zeros. */
export function packConvolution(source: usize, channels: i32, filters: i32, stride: i32, target: usize): void {
  const panels = (filters + 7) >> 3;
  memory.fill(target, 0, <usize>(panels * 9 * stride) << 5);
  for (let tap = 0; tap < 9; tap++) {
    for (let channel = 0; channel < channels; channel++) {
      for (let filter = 0; filter < filters; filter++) {
        const row = (filter >> 3) * 9 * stride + tap * stride + channel;
        store<f32>(target + (<usize>((row << 3) + (filter & 7)) << 2), load<f32>(source));
        source += 4;
      }
    }
  }
}

/** For the input gradient: source [9][channels][filters] → target [filters][9][stride]. */
export function packTransposed(source: usize, channels: i32, filters: i32, stride: i32, target: usize): void {
  memory.fill(target, 0, <usize>(filters * 9 * stride) << 2);
  for (let tap = 0; tap < 9; tap++) {
    for (let channel = 0; channel < channels; channel++) {
      for (let filter = 0; filter < filters; filter++) {
        store<f32>(target + (<usize>((filter * 9 + tap) * stride + channel) << 2), load<f32>(source));
        source += 4;
      }
    }
  }
}

/** Weight gradient sums [filters][3][rowFloats], a kernel row holding [3][stride] → target [9][channels][filters]. */
export function unpackSums(
  sums: usize,
  channels: i32,
  filters: i32,
  stride: i32,
  rowFloats: i32,
  target: usize,
): void {
  for (let tap = 0; tap < 9; tap++) {
    const row = tap / 3;
    const column = tap % 3;
    for (let channel = 0; channel < channels; channel++) {
      for (let filter = 0; filter < filters; filter++) {
        const from = (filter * 3 + row) * rowFloats + column * stride + channel;
        store<f32>(target, load<f32>(sums + (<usize>from << 2)));
        target += 4;
      }
    }
  }
}
