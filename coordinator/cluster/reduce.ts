// The all-reduce: partial sums come in, in any order, and the tree over the step's leaves decides who is added to whom. So
// the sum has the same bits whoever computed which leaf. Knows no socket and no clock.
import { release } from "../../shared/memory.ts";
import type { PartialSum } from "../../shared/sums.ts";
import {
  addInto,
  canonical,
  childrenOf,
  type NodeId,
  nodeKey,
  nodeRange,
  parentOf,
  type Range,
  subtreesIn,
} from "../../shared/tree.ts";

/**
 * Collects the partial sums of one step, or of a part of it. Takes over the arrays that it is given: they are added into, or
 * emptied.
 */
export class ReductionTree {
  readonly leaves: number;
  readonly #wanted: Range;
  readonly #held = new Map<string, PartialSum>();
  readonly #covered: Uint8Array;

  /**
   * @param leaves number of leaves of the step, at least 1
   * @param wanted leaves to sum over; all by default
   */
  constructor(leaves: number, wanted: Range = { start: 0, end: leaves }) {
    if (!(leaves >= 1)) throw new RangeError(`Cannot reduce ${leaves} leaves: at least 1 is needed`);
    this.leaves = leaves;
    this.#wanted = wanted;
    this.#covered = new Uint8Array(leaves).fill(1).fill(0, wanted.start, wanted.end);
  }

  /** The maximal subtrees of a range: what a worker that owns the range sends. */
  subtrees(range: Range): NodeId[] {
    return subtreesIn(this.leaves, range);
  }

  /** Whether a node is one of this tree, under its canonical name, with wanted leaves only. */
  has(node: NodeId): boolean {
    const { start, end } = nodeRange(this.leaves, node);
    const isWanted = this.#wanted.start <= start && start < end && end <= this.#wanted.end;
    return isWanted && nodeKey(canonical(this.leaves, node)) === nodeKey(node);
  }

  /**
   * Takes a partial sum and adds it up the tree as far as its siblings are there.
   * @returns false if any of its leaves is counted already: the first answer wins
   * @throws {RangeError} if the node is not one of this tree, or has leaves that are not wanted
   */
  add(partial: PartialSum): boolean {
    const { start, end } = nodeRange(this.leaves, partial.node);
    const { level, index } = partial.node;
    if (!this.has(partial.node)) {
      throw new RangeError(`Cannot add node ${level}:${index}: the tree has ${this.leaves} leaves`);
    }
    if (this.#covered.subarray(start, end).includes(1)) return false;
    this.#covered.fill(1, start, end);
    let sum = partial;
    for (let parent = parentOf(this.leaves, sum.node); parent; parent = parentOf(this.leaves, sum.node)) {
      const [left, right] = childrenOf(this.leaves, parent)!;
      const isLeft = nodeKey(left) === nodeKey(sum.node);
      const sibling = this.#held.get(nodeKey(isLeft ? right : left));
      if (sibling === undefined) break;
      this.#held.delete(nodeKey(sibling.node));
      sum = isLeft ? merge(parent, sum, sibling) : merge(parent, sibling, sum);
    }
    this.#held.set(nodeKey(sum.node), sum);
    return true;
  }

  /** The leaves that no partial sum covers yet, as maximal ranges. */
  missing(): Range[] {
    const ranges: Range[] = [];
    for (let start = 0; start < this.leaves; start++) {
      if (this.#covered[start] === 1) continue;
      let end = start;
      while (end < this.leaves && this.#covered[end] === 0) end++;
      ranges.push({ start, end });
      start = end;
    }
    return ranges;
  }

  /** The sums of the maximal subtrees of the wanted leaves: the root's alone if all are. @throws {RangeError} if any is missing */
  sums(): PartialSum[] {
    if (this.missing().length > 0) {
      throw new RangeError(`Cannot finish the sum: leaves ${JSON.stringify(this.missing())} are missing`);
    }
    return this.subtrees(this.#wanted).map((node) => this.#held.get(nodeKey(node))!);
  }
}

function merge(node: NodeId, left: PartialSum, right: PartialSum): PartialSum {
  addInto(left.gradient, right.gradient);
  const losses = concatenate(left.losses, right.losses);
  const logits = concatenate(left.logits, right.logits);
  release(right.gradient);
  return { node, gradient: left.gradient, losses, logits };
}

function concatenate(left: Float32Array, right: Float32Array): Float32Array {
  const both = new Float32Array(left.length + right.length);
  both.set(left);
  both.set(right, left.length);
  return both;
}
