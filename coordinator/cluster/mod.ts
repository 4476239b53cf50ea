// The workers of a run as one machine: the whole public face of this room.
export { Cluster, type ClusterOptions, type Samples, type Share } from "./cluster.ts";
