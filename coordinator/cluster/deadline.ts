// How long to wait for a worker. A worker computes a leaf without a pause and cannot answer meanwhile, so the deadline
// follows what its leaves have taken so far.

/** Bounds on a worker's silence, in milliseconds; tests shorten them. */
export interface LeafLimits {
  /** Before anything is measured. */
  readonly first: number;
  /** The least that is allowed later. */
  readonly floor: number;
}

/** A leaf of 8 images at 300 px takes 400 s on the slowest engine. */
export const LEAF_LIMITS: LeafLimits = { first: 15 * 60_000, floor: 30_000 };
const FACTOR = 20;

/** The longest silence to allow while a worker computes a leaf, in milliseconds; `slowest` is its slowest leaf so far. */
export function leafDeadline(slowest: number | undefined, { first, floor }: LeafLimits = LEAF_LIMITS): number {
  return slowest === undefined ? first : Math.max(floor, FACTOR * slowest);
}
