// Random flip, rotation and zoom of training images as one affine map a sample, resampled once. Keras resamples twice
// (rotate, then zoom): one resample of the composed map is sharper and differs only near the borders. The map is computed
// here in float64 and rounded once, because sin and cos are not the same bits in every language.
import { Purpose, sampleKey, threefry, toUnit } from "../shared/threefry.ts";

/** Output pixel (x, y) reads input (a·x + b·y + c, d·x + e·y + f), in pixels. */
export type Affine = readonly [a: number, b: number, c: number, d: number, e: number, f: number];

/** The random choices for one sample in one epoch. */
export interface AugmentationDraws {
  readonly flipHorizontal: boolean;
  readonly flipVertical: boolean;
  /** Radians, uniform in ±0.3·2π. */
  readonly angle: number;
  /** Uniform in [0.8, 1.2]: the factor that the output grid is scaled by, the same on both axes. */
  readonly zoom: number;
}

/** Draws RandomFlip("horizontal_and_vertical") with two coins (as Keras ≤ 3.5), RandomRotation(0.3) and RandomZoom(0.2). */
export function drawAugmentation(seed: number, epoch: number, sampleId: number): AugmentationDraws {
  const draw = (purpose: Purpose) => {
    const [k0, k1] = sampleKey(seed, purpose, epoch, sampleId);
    return threefry(k0, k1, 0, 0);
  };
  const coins = draw(Purpose.flip);
  return {
    flipHorizontal: coins[0] >>> 31 === 1,
    flipVertical: coins[1] >>> 31 === 1,
    angle: (2 * toUnit(draw(Purpose.angle)[0]) - 1) * 0.3 * 2 * Math.PI,
    zoom: 0.8 + 0.4 * toUnit(draw(Purpose.zoom)[0]),
  };
}

/** The rotation of keras/src/layers/preprocessing/image_preprocessing/random_rotation.py about the image's centre. */
export function rotation(angle: number, size: number): Affine {
  const centre = (size - 1) / 2;
  const cos = Math.cos(angle);
  const sin = Math.sin(angle);
  return [cos, -sin, centre - centre * cos + centre * sin, sin, cos, centre - centre * sin - centre * cos];
}

/** The zoom of keras/src/layers/preprocessing/image_preprocessing/random_zoom.py about the image's centre. */
export function zooming(zoom: number, size: number): Affine {
  const shift = (size - 1) / 2 * (1 - zoom);
  return [zoom, 0, shift, 0, zoom, shift];
}

/** The map that applies `first` to the image and then `second` to the result: output → second → first → input. */
export function compose(first: Affine, second: Affine): Affine {
  const [a, b, c, d, e, f] = first;
  const [p, q, r, s, t, u] = second;
  return [
    a * p + b * s,
    a * q + b * t,
    a * r + b * u + c,
    d * p + e * s,
    d * q + e * t,
    d * r + e * u + f,
  ];
}

/** Flip, then rotation, then zoom of one sample, as six numbers rounded to float32. */
export function augmentationMap(draws: AugmentationDraws, size: number): Affine {
  const flip: Affine = [
    draws.flipHorizontal ? -1 : 1,
    0,
    draws.flipHorizontal ? size - 1 : 0,
    0,
    draws.flipVertical ? -1 : 1,
    draws.flipVertical ? size - 1 : 0,
  ];
  const map = compose(compose(flip, rotation(draws.angle, size)), zooming(draws.zoom, size));
  return map.map(Math.fround) as unknown as Affine;
}

/**
 * Resamples a square image through a map: bilinear, borders reflected about the pixel edge (d c b a | a b c d | d c b a).
 * @param source size × size × 3 values, NHWC order
 * @param target float32 array of size × size × 3, written in place
 * @param scale what every value is multiplied by: 1/255 for bytes
 */
export function resample(
  source: Uint8Array | Float32Array,
  target: Float32Array,
  options: { readonly size: number; readonly map: Affine; readonly scale: number },
): void {
  const { size, map: [a, b, c, d, e, f], scale } = options;
  const last = size - 1;
  let out = 0;
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      const u = reflect(a * x + b * y + c, size);
      const v = reflect(d * x + e * y + f, size);
      const left = Math.floor(u);
      const top = Math.floor(v);
      const s = u - left;
      const t = v - top;
      const right = left < last ? left + 1 : last;
      const below = top < last ? top + 1 : last;
      const topLeft = (top * size + left) * 3;
      const topRight = (top * size + right) * 3;
      const belowLeft = (below * size + left) * 3;
      const belowRight = (below * size + right) * 3;
      for (let channel = 0; channel < 3; channel++) {
        const upper = source[topLeft + channel]! * (1 - s) + source[topRight + channel]! * s;
        const lower = source[belowLeft + channel]! * (1 - s) + source[belowRight + channel]! * s;
        target[out++] = (upper * (1 - t) + lower * t) * scale;
      }
    }
  }
}

/** Reflects a coordinate into [0, length − 1] as the TensorFlow backend of Keras does: half-sample symmetric, then clamped. */
export function reflect(coordinate: number, length: number): number {
  const period = 2 * length;
  let c = coordinate;
  if (c < 0) {
    c += period * Math.floor(-c / period);
    c = c < -length ? c + period : -c - 1;
  } else if (c > length - 1) {
    c -= period * Math.floor(c / period);
    if (c >= length) c = period - c - 1;
  }
  return Math.min(Math.max(c, 0), length - 1);
}
