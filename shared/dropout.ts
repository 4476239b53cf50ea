// Which elements dropout drops: the definition that every engine reproduces.
import { threefry, type Words } from "./threefry.ts";

/**
 * The threshold of a rate: an element is dropped if its 16 random bits are below it.
 * @param rate probability of being dropped, in [0, 1)
 */
export function dropoutThreshold(rate: number): number {
  return Math.round(rate * 65536);
}

/** What a kept element is multiplied by: 1 / (1 − rate), as float32. */
export function dropoutScale(rate: number): number {
  return Math.fround(1 / (1 - rate));
}

/**
 * Writes the mask of one sample at one layer: 0 where dropped, 1 / (1 − rate) where kept. Elements are numbered in NHWC
 * order of the layer's output before pooling; element e takes 16 bits from the call with counter (layer, e >> 2), in the
 * order low half of word 0, high half of word 0, low half of word 1, high half of word 1.
 * @param mask float32 array of the layer's size for one sample; written in place
 * @param key {@linkcode sampleKey} with purpose dropout
 * @param layer index of the layer in the model's list
 */
export function fillDropoutMask(mask: Float32Array, key: Words, layer: number, rate: number): void {
  const threshold = dropoutThreshold(rate);
  const keep = dropoutScale(rate);
  for (let first = 0; first < mask.length; first += 4) {
    const [a, b] = threefry(key[0], key[1], layer, first >>> 2);
    mask[first] = (a & 0xffff) < threshold ? 0 : keep;
    // Writes past the end of a typed array are ignored.
    mask[first + 1] = (a >>> 16) < threshold ? 0 : keep;
    mask[first + 2] = (b & 0xffff) < threshold ? 0 : keep;
    mask[first + 3] = (b >>> 16) < threshold ? 0 : keep;
  }
}
