import { assertLess } from "@std/assert";
import {
  type Affine,
  augmentationMap,
  drawAugmentation,
  resample,
  rotation,
  zooming,
} from "../../../worker/augmentation.ts";
import { loadKernels, PAGE_BYTES } from "../../../worker/simd/kernels.ts";
import { threefry } from "../../../shared/threefry.ts";

const MAPS: readonly (readonly [name: string, map: (size: number) => Affine])[] = [
  ["no change", () => [1, 0, 0, 0, 1, 0]],
  ["a rotation by 30°", (size) => rotation(Math.PI / 6, size)],
  ["a rotation by -75°", (size) => rotation(-75 * Math.PI / 180, size)],
  ["a rotation by 108°", (size) => rotation(108 * Math.PI / 180, size)],
  ["a zoom by 0.8", (size) => zooming(0.8, size)],
  ["a zoom by 1.2", (size) => zooming(1.2, size)],
  ["drawn augmentation", (size) => augmentationMap(drawAugmentation(1, 2, 3), size)],
];

for (const variant of ["relaxed", "plain"] as const) {
  for (const size of [16, 61, 300]) {
    Deno.test(`simd (${variant}): resampling noise of ${size} px is that of augmentation.ts`, async () => {
      const bytes = 3 * size * size;
      const target = 64 * Math.ceil((bytes + 4 * size) / 64);
      const memory = new WebAssembly.Memory({ initial: Math.ceil((target + 4 * bytes + 64) / PAGE_BYTES) });
      const kernels = await loadKernels(variant, memory);
      const pixels = Uint8Array.from({ length: bytes }, (_, i) => threefry(size, 1, 0, i)[0] >>> 24);
      const expected = new Float32Array(bytes);
      new Uint8Array(memory.buffer).set(pixels);
      for (const [name, mapOf] of MAPS) {
        const map = mapOf(size).map(Math.fround) as unknown as Affine;
        resample(pixels, expected, { size, map, scale: 1 / 255 });
        kernels.resample(0, target, size, 1 / 255, ...map);
        const actual = new Float32Array(memory.buffer, target, bytes);
        const worst = expected.reduce((most, value, i) => Math.max(most, Math.abs(value - actual[i]!)), 0);
        // Neighbours of noise differ by up to 1, so this is the error of float32 coordinates, in pixels.
        assertLess(worst, 5e-7 * size, name);
      }
    });
  }
}
