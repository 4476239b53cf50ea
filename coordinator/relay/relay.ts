// A cluster's workers as one worker of another cluster: what one machine needs of the network for all its workers together is
// the weights once and each finished subtree once.
import { sha256 } from "../../shared/config.ts";
import type { EngineName } from "../../shared/engine_names.ts";
import { HerdError } from "../../shared/errors.ts";
import type { LeafOrder, OrderComputer } from "../../shared/order_computer.ts";
import type { PartialSum, Predictions } from "../../shared/sums.ts";
import type { Cluster, Share } from "../cluster/mod.ts";

/** Computes orders with the workers of a cluster. The cluster outlives it. */
export class RelayComputer implements OrderComputer {
  /** That of the first worker. */
  readonly engine: EngineName;
  /** How many workers there are, and the device of the first. */
  readonly adapter: string;
  /** That of the workers, so that a relay of equal workers counts as one of them; of different workers, a hash of theirs. */
  readonly fingerprint: string;
  /** That of the slowest worker. */
  readonly leafMilliseconds: number;
  readonly #cluster: Cluster;
  readonly #fingerprints: number;
  readonly #bitIdentical: boolean;

  private constructor(cluster: Cluster, fingerprint: string) {
    const [first] = cluster.members;
    this.engine = cluster.engine ?? "tfjs-cpu";
    this.adapter = `relay of ${cluster.members.length}: ${first?.adapter ?? ""}`;
    this.fingerprint = fingerprint;
    this.leafMilliseconds = cluster.leafMilliseconds;
    this.#cluster = cluster;
    this.#fingerprints = cluster.fingerprints.length;
    this.#bitIdentical = cluster.bitIdentical;
  }

  /** Stands for the workers that are ready now, of which there must be one. */
  static async over(cluster: Cluster): Promise<RelayComputer> {
    const { fingerprints } = cluster;
    const [only = "", ...others] = fingerprints;
    const text = new TextEncoder().encode(fingerprints.toSorted().join());
    return new RelayComputer(cluster, others.length === 0 ? only : await sha256(text));
  }

  /** Sends the flat float32 weights to all workers. */
  setWeights(flat: Float32Array): void {
    void this.#cluster.setWeights(flat);
  }

  /**
   * The sums over the maximal subtrees of an order's leaves.
   * @throws {HerdError} cluster, if the workers cannot compute, or their bits are not what the fingerprint says
   */
  async *gradients(order: LeafOrder, signal: AbortSignal): AsyncGenerator<PartialSum> {
    const sums = await this.#cluster.partialSums(shareOf(order), signal);
    this.#assertAsSaid();
    yield* sums;
  }

  /**
   * The predictions for each leaf of an order, in order.
   * @throws {HerdError} cluster, if the workers cannot compute, or their bits are not what the fingerprint says
   */
  async *evaluate(order: LeafOrder, signal: AbortSignal): AsyncGenerator<Predictions> {
    // Predictions are not summed: here they need no more leaves than are ordered, whatever they are part of.
    const leafCount = order.samples.length;
    const share = { ...shareOf(order), leafCount, range: { start: 0, end: leafCount } };
    const { losses, logits } = await this.#cluster.predictions(share, signal);
    this.#assertAsSaid();
    const outputs = logits.length / losses.length;
    let start = 0;
    for (const { length } of order.samples) {
      const end = start + length;
      yield { losses: losses.subarray(start, end), logits: logits.subarray(outputs * start, outputs * end) };
      start = end;
    }
  }

  /** Does nothing: the cluster outlives what stands for it. */
  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }

  /** The coordinator relies on the fingerprint: better no answer than one with other bits under its name. */
  #assertAsSaid(): void {
    const refuse = (what: string) => new HerdError("cluster", `${what}: start the relay again`);
    if (this.#cluster.fingerprints.length > this.#fingerprints) {
      throw refuse("A worker behind this relay has another fingerprint than those that it began with");
    }
    if (this.#bitIdentical && !this.#cluster.bitIdentical) {
      throw refuse("Workers behind this relay got different bits for the same leaves");
    }
  }
}

function shareOf({ seed, epoch, leafCount, range, samples }: LeafOrder): Share {
  return { seed, epoch, leafCount, range, samples };
}
