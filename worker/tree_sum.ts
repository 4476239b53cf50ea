// The sum over a subtree, in the order that the reduction tree fixes: the one walk for every engine, whatever it keeps sums in.
import { childrenOf, type NodeId, nodeRange } from "../shared/tree.ts";
import type { Leaf } from "./engine.ts";

/** How an engine makes and adds sums: on a device, on the host, in slots of a memory. */
export interface Accumulator<Sum> {
  /**
   * The sum of one leaf; leaves are asked for from left to right, one after the other.
   * @param depth how many sums to the left of it wait to be added
   */
  leaf(index: number, depth: number): Promise<Sum>;
  /** left + right; both are used up. */
  add(left: Sum, right: Sum): Sum;
  /** Frees a sum that is not wanted any more, since another has failed. */
  drop?(sum: Sum): void;
}

/** The sum over the leaves under a node of the tree over `leafCount` leaves. */
export async function treeSum<Sum>(
  leafCount: number,
  node: NodeId,
  accumulator: Accumulator<Sum>,
  depth = 0,
): Promise<Sum> {
  const children = childrenOf(leafCount, node);
  if (!children) return await accumulator.leaf(nodeRange(leafCount, node).start, depth);
  const left = await treeSum(leafCount, children[0], accumulator, depth);
  let right: Sum;
  try {
    right = await treeSum(leafCount, children[1], accumulator, depth + 1);
  } catch (error) {
    accumulator.drop?.(left);
    throw error;
  }
  return accumulator.add(left, right);
}

/** The leaves of a step that are here, by their index. */
export class StepLeaves {
  /** Of the whole step. */
  readonly count: number;
  readonly #leaves: ReadonlyMap<number, Leaf>;
  readonly #signal: AbortSignal | undefined;

  /** @param signal aborts when they are not wanted any more */
  constructor(count: number, leaves: readonly Leaf[], signal?: AbortSignal) {
    this.count = count;
    this.#signal = signal;
    this.#leaves = new Map(leaves.map((leaf) => [leaf.index, leaf]));
  }

  /** The next leaf to compute. @throws {RangeError} if it was not given; the signal's reason, if it is not wanted any more */
  at(index: number): Leaf {
    this.#signal?.throwIfAborted();
    const leaf = this.#leaves.get(index);
    if (!leaf) throw new RangeError(`Leaf ${index} of ${this.count} is asked for, but was not given`);
    return leaf;
  }

  /** The class of each sample under a node, in order. */
  labelsUnder(node: NodeId): number[] {
    const { start, end } = nodeRange(this.count, node);
    return Array.from({ length: end - start }, (_, i) => this.at(start + i).samples.map(({ label }) => label)).flat();
  }
}
