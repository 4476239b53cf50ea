// The random draws of bootstraps: a pure function of what they are for, so that an interval has the same bits
// everywhere.
import { Purpose, sampleKey, threefry, type Words } from "../../shared/threefry.ts";

/** What is drawn. The numbers decide the draws: never renumber. */
export const STREAMS = { differences: 0, seeds: 1, negatives: 2, positives: 3 } as const;
/** One of the streams. */
export type Stream = keyof typeof STREAMS;

/** The key of all draws of a stream, the same in every experiment. */
export function streamKey(stream: Stream): Words {
  return sampleKey(0, Purpose.bootstrap, STREAMS[stream], 0);
}

/**
 * Fills `indices` with as many independent draws from 0 … n−1, n below 2²¹.
 * @param draw which one of the bootstrap's, from 0
 */
export function resample(
  indices: Uint32Array,
  n: number,
  { key, draw }: { readonly key: Words; readonly draw: number },
): void {
  const scale = n / 2 ** 32;
  for (let i = 0; i < indices.length; i += 2) {
    // Exact products, cut to integers: no index is more than 2⁻³² off its chance. One beyond the end is dropped.
    const [first, second] = threefry(key[0], key[1], draw, i / 2);
    indices[i] = first * scale;
    indices[i + 1] = second * scale;
  }
}

/**
 * The values below and above which parts of the draws lie: the ⌊(B + 1) · part⌋th from either end, and at least the
 * outermost. One of the draws each, never something between two of them, so that rounding in the parts changes no bit.
 * @param sorted the B draws, the lowest first
 */
export function between(sorted: Float64Array, below: number, above: number): readonly [number, number] {
  const rank = (part: number) => Math.min(sorted.length, Math.max(1, Math.floor((sorted.length + 1) * part))) - 1;
  return [sorted[rank(below)]!, sorted[sorted.length - 1 - rank(above)]!];
}
