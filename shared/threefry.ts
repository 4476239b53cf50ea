// The counter-based random numbers of the whole project: Threefry-2x32 with 20 rounds (Salmon et al., "Parallel Random
// Numbers: As Easy as 1, 2, 3", SC 2011). A draw is a pure function of what it is for, so no worker, order of work or
// restart can change it; the same integers come out of TypeScript, WebAssembly and WGSL.

/** What a stream of random numbers is for. The numbers are part of the numeric contract: never renumber. */
export const Purpose = {
  order: 1,
  flip: 2,
  angle: 3,
  zoom: 4,
  dropout: 5,
  initialWeights: 6,
  proceduralData: 7,
  limit: 8,
  bootstrap: 9,
  control: 10,
} as const;
/** One of the purposes. */
export type Purpose = (typeof Purpose)[keyof typeof Purpose];

/** Two 32-bit words: a key, a counter or a result. */
export type Words = readonly [number, number];

const PARITY = 0x1bd11bda;

/** Threefry-2x32-20: encrypts the counter (c0, c1) under the key (k0, k1). All words are unsigned 32-bit integers. */
export function threefry(k0: number, k1: number, c0: number, c1: number): Words {
  const k2 = PARITY ^ k0 ^ k1;
  let x = (c0 + k0) | 0;
  let y = (c1 + k1) | 0;

  x = (x + y) | 0, y = (y << 13 | y >>> 19) ^ x;
  x = (x + y) | 0, y = (y << 15 | y >>> 17) ^ x;
  x = (x + y) | 0, y = (y << 26 | y >>> 6) ^ x;
  x = (x + y) | 0, y = (y << 6 | y >>> 26) ^ x;
  x = (x + k1) | 0, y = (y + k2 + 1) | 0;

  x = (x + y) | 0, y = (y << 17 | y >>> 15) ^ x;
  x = (x + y) | 0, y = (y << 29 | y >>> 3) ^ x;
  x = (x + y) | 0, y = (y << 16 | y >>> 16) ^ x;
  x = (x + y) | 0, y = (y << 24 | y >>> 8) ^ x;
  x = (x + k2) | 0, y = (y + k0 + 2) | 0;

  x = (x + y) | 0, y = (y << 13 | y >>> 19) ^ x;
  x = (x + y) | 0, y = (y << 15 | y >>> 17) ^ x;
  x = (x + y) | 0, y = (y << 26 | y >>> 6) ^ x;
  x = (x + y) | 0, y = (y << 6 | y >>> 26) ^ x;
  x = (x + k0) | 0, y = (y + k1 + 3) | 0;

  x = (x + y) | 0, y = (y << 17 | y >>> 15) ^ x;
  x = (x + y) | 0, y = (y << 29 | y >>> 3) ^ x;
  x = (x + y) | 0, y = (y << 16 | y >>> 16) ^ x;
  x = (x + y) | 0, y = (y << 24 | y >>> 8) ^ x;
  x = (x + k1) | 0, y = (y + k2 + 4) | 0;

  x = (x + y) | 0, y = (y << 13 | y >>> 19) ^ x;
  x = (x + y) | 0, y = (y << 15 | y >>> 17) ^ x;
  x = (x + y) | 0, y = (y << 26 | y >>> 6) ^ x;
  x = (x + y) | 0, y = (y << 6 | y >>> 26) ^ x;
  x = (x + k2) | 0, y = (y + k0 + 5) | 0;
  return [x >>> 0, y >>> 0];
}

/** The key of one sample's draws: threefry((seed, purpose), (epoch, sampleId)). Epochs count from 1. */
export function sampleKey(seed: number, purpose: Purpose, epoch: number, sampleId: number): Words {
  return threefry(seed, purpose, epoch, sampleId);
}

/** A random 32-bit word as a float32 in [0, 1): its upper 24 bits times 2⁻²⁴, which is exact. */
export function toUnit(word: number): number {
  return (word >>> 8) * 2 ** -24;
}

/** A permutation of 0 … n−1 (Fisher–Yates from the top), a pure function of its arguments. */
export function permutation(n: number, seed: number, purpose: Purpose, epoch: number): Uint32Array {
  const order = Uint32Array.from({ length: n }, (_, i) => i);
  const [k0, k1] = sampleKey(seed, purpose, epoch, 0);
  for (let i = n - 1; i > 0; i--) {
    // 53 random bits: the bias of the product is below n·2⁻⁵³.
    const [high, low] = threefry(k0, k1, 0, i);
    const unit = ((high >>> 5) * 2 ** 26 + (low >>> 6)) * 2 ** -53;
    const j = Math.floor(unit * (i + 1));
    const swapped = order[i]!;
    order[i] = order[j]!;
    order[j] = swapped;
  }
  return order;
}
