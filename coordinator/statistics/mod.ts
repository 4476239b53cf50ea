// The statistics' public face: what pairs of trainings allow to say. Everything here is pure, and its bits are the same
// on every machine.
export { auc } from "./auc.ts";
export { bcaInterval, LEAST_BCA } from "./bca.ts";
export { aucByCounts, type ByCounts, meanByCounts, type Prepared } from "./by_counts.ts";
export { type Calibration, calibration, type ReliabilityBin } from "./calibration.ts";
export { crossedInterval, type ScoredPair } from "./crossed.ts";
export { type DeLong, delong } from "./delong.ts";
export { holm } from "./holm.ts";
export type { Interval } from "./interval.ts";
export { judge, type Judgement, LEAST_PAIRS, type Question, RULE } from "./judge.ts";
export { macroAuc } from "./macro_auc.ts";
export { type PairedSummary, pairedSummary } from "./paired.ts";
export { wilsonInterval } from "./wilson.ts";
