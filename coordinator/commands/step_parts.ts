// Where a training step's time went: what the loop measured, with what the cluster and its workers say of it.
import type { Cluster } from "../cluster/mod.ts";
import type { StepParts } from "../events/mod.ts";
import type { StepSeconds } from "../experiment/mod.ts";

/**
 * Tells the parts of each step, when it is over.
 * @param cluster what its workers have computed in all, and what its answers took here
 */
export function stepParts(cluster: Pick<Cluster, "members" | "account">): (took: StepSeconds) => StepParts {
  let before = new Map<string, number>();
  return ({ gradients, update, send }) => {
    const now = new Map(cluster.members.map(({ id, computeSeconds }) => [id, computeSeconds]));
    // A worker that is new, or has begun anew, has computed nothing before.
    const own = [...now].map(([id, seconds]) => seconds - Math.min(seconds, before.get(id) ?? 0));
    before = now;
    const sum = Math.min(gradients, cluster.account.sumSeconds);
    const compute = Math.min(gradients - sum, Math.max(0, ...own));
    return { compute, wait: gradients - sum - compute, sum, update, send };
  };
}
