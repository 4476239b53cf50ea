// The workers of a run as one machine.
export { Cluster, type ClusterOptions } from "./cluster.ts";
