// How long to wait for a worker. A worker computes a leaf without a pause and cannot answer meanwhile, so the deadline
// follows what its leaves have taken so far.

/** Before anything is measured: a leaf of 8 images at 300 px takes 400 s on the slowest engine. */
const FIRST_LEAF_MS = 15 * 60_000;
const FLOOR_MS = 30_000;
const FACTOR = 20;

/** The longest silence to allow while a worker computes a leaf, in milliseconds; `slowest` is its slowest leaf so far. */
export function leafDeadline(slowest: number | undefined): number {
  return slowest === undefined ? FIRST_LEAF_MS : Math.max(FLOOR_MS, FACTOR * slowest);
}

/**
 * The promise's result.
 * @throws what `late` makes, if it is not settled within `milliseconds`
 */
export async function within<T>(milliseconds: number, promise: Promise<T>, late: () => Error): Promise<T> {
  const { promise: timeout, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(late()), milliseconds);
  try {
    return await Promise.race([promise, timeout]);
  } finally {
    clearTimeout(timer);
  }
}
