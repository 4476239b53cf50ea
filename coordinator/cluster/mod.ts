// The workers of a run as one machine.
export { Cluster } from "./cluster.ts";
export type { ClusterOptions } from "./options.ts";
export type { LeafLimits } from "./deadline.ts";
export type { PaceLimits } from "./pace.ts";
export type { Samples, Share } from "./share.ts";
export { type ChanceToBeCaught, chanceToBeCaught } from "./spot_checks.ts";
