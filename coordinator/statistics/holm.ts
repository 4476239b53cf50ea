// Holm's correction for several tests.

/**
 * Adjusts p values so that the chance of any false rejection among them stays below the level that they are held
 * against (Holm, "A simple sequentially rejective multiple test procedure", Scand. J. Stat. 6, 1979): the smallest is
 * multiplied by their number, the next one by one less, and none falls below one before it.
 * @returns in the order that they came in, each at most 1
 */
export function holm(ps: readonly number[]): number[] {
  const order = ps.map((_, i) => i).sort((i, j) => ps[i]! - ps[j]!);
  const adjusted = new Array<number>(ps.length);
  let least = 0;
  order.forEach((i, rank) => {
    least = Math.max(least, Math.min(1, (ps.length - rank) * ps[i]!));
    adjusted[i] = least;
  });
  return adjusted;
}
