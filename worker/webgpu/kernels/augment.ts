// From bytes to the first layer's input: float32 in [0, 1], resampled through each sample's affine map, which is the identity
// where nothing is augmented (and then gives the pixels' own values). The map of worker/augmentation.ts and its borders.
import { type Dispatch, dispatch, load, type Slice } from "./dispatch.ts";
import { SAMPLE_STRUCT, sampleBinding } from "./samples.ts";

/** Words of an image of bytes; the last may be filled up. */
export function imageWords(size: number): number {
  return Math.ceil(size * size * 3 / 4);
}

const FUNCTIONS = (size: number, pixels: Slice) =>
  `${SAMPLE_STRUCT}
fn blend(a: vec3<f32>, b: vec3<f32>, share: f32) -> vec3<f32> { return a + share * (b - a); }
// Reflected about the pixel edges (d c b a | a b c d | d c b a), then clamped.
fn reflected(c: f32) -> f32 {
  let inside = c - floor(c * ${1 / (2 * size)}) * ${2 * size}.0;
  return clamp(select(inside, ${2 * size - 1}.0 - inside, inside >= ${size}.0), 0.0, ${size - 1}.0);
}
// Three bytes, which lie in one word or in two.
fn pixel(image: u32, row: u32, column: u32) -> vec3<f32> {
  let at = 3u * (row * ${size}u + column);
  let word = image + (at >> 2u);
  let shift = 8u * (at & 3u);
  let first = ${load(pixels, "pixels", "word")};
  let second = ${load(pixels, "pixels", "word + 1u")};
  let bits = (first >> shift) | select(second << (32u - shift), 0u, shift == 0u);
  return vec3<f32>(vec3(bits & 255u, (bits >> 8u) & 255u, (bits >> 16u) & 255u));
}`;

/**
 * Writes [images][size][size] vec4 (red, green, blue, 0).
 * @param pixels u32 words of bytes, imageWords(size) an image and one more behind the last
 */
export function augment(
  { images, size, pixels, samples, target, threads }: {
    readonly images: number;
    readonly size: number;
    readonly pixels: Slice;
    readonly samples: Slice;
    readonly target: Slice;
    readonly threads: number;
  },
): Dispatch {
  return dispatch("augmentation", {
    bindings: [
      { name: "pixels", type: "array<u32>", access: "read", at: pixels },
      sampleBinding(images, samples),
      { name: "images", type: "array<vec4<f32>>", access: "read_write", at: target },
    ],
    threads,
    workgroups: [Math.ceil(size * size / threads), images, 1],
    functions: FUNCTIONS(size, pixels),
    body: `  let i = min(id.x, ${size * size - 1}u);
  let s = samples[id.y];
  let x = f32(i % ${size}u);
  let y = f32(i / ${size}u);
  let u = reflected(s.a * x + s.b * y + s.c);
  let v = reflected(s.d * x + s.e * y + s.f);
  let left = u32(u);
  let top = u32(v);
  let right = min(left + 1u, ${size - 1}u);
  let below = min(top + 1u, ${size - 1}u);
  let image = id.y * ${imageWords(size)}u;
  let upper = blend(pixel(image, top, left), pixel(image, top, right), u - floor(u));
  let lower = blend(pixel(image, below, left), pixel(image, below, right), u - floor(u));
  images[id.y * ${size * size}u + i] = vec4(blend(upper, lower, v - floor(v)) * ${1 / 255}, 0.0);`,
  });
}
