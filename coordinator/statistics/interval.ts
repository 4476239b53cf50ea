// A 95 % interval, and the normal quantile that many are made with.

/** The ends of an interval. */
export type Interval = readonly [low: number, high: number];

/** The standard normal quantile of 0.975. */
export const Z_975 = 1.9599639845400543;
