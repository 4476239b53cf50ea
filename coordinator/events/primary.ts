// The metric that a verdict is about, and which of two values of it is better.

/** The metrics of the last epoch that a verdict can be about. */
export const PRIMARY_METRICS = ["testAuc", "testLoss", "testAccuracy", "loss", "accuracy"] as const;
/** One of them. */
export type PrimaryMetric = (typeof PRIMARY_METRICS)[number];

/** Whether more of a metric is better; of losses and seconds less is. */
export function isHigherBetter(metric: string): boolean {
  return !/loss|seconds/i.test(metric);
}

/**
 * The epoch with the best value, the first of equal ones; null if none has one. Chosen on the test images, so it is optimistic.
 * @returns its number, from 1
 */
export function bestEpochOf(
  epochs: readonly (Readonly<Record<PrimaryMetric, number | null>> & { readonly epoch: number })[],
  metric: PrimaryMetric,
): number | null {
  const sign = isHigherBetter(metric) ? 1 : -1;
  let best: typeof epochs[number] | undefined;
  const rank = (record: typeof epochs[number]) => sign * (record[metric] ?? NaN);
  for (const record of epochs) {
    if (Number.isNaN(rank(record))) continue;
    if (best === undefined || rank(record) > rank(best)) best = record;
  }
  return best?.epoch ?? null;
}
