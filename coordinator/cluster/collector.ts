// A unit of work on its way, a training step or an evaluation: what its workers owe, and what is done with their answers.
// Knows no socket and no clock.
import { HerdError } from "../../shared/errors.ts";
import type { Frame, PartialFrame, PredictionsFrame } from "../../shared/frames.ts";
import { type ModelSpec, parameterCount } from "../../shared/model.ts";
import type { PartialSum, Predictions } from "../../shared/sums.ts";
import { type NodeId, nodeRange, type Range } from "../../shared/tree.ts";
import { ReductionTree } from "./reduce.ts";

/** Collects the answers to one unit of work. */
export interface Collector<Result> {
  readonly task: "train" | "evaluate";
  /**
   * The node that an answer is for.
   * @throws {HerdError} cluster, if it is not of the kind or the size that it should be
   */
  check(answer: Frame): Answer;
  /** Takes an answer that has been checked and whose leaves are not in yet. */
  add(answer: Answer): void;
  /** What came of it, once all leaves are in. */
  result(): Result;
}

/** An answer and the node that it is for. */
export interface Answer {
  readonly node: NodeId;
  readonly frame: PartialFrame | PredictionsFrame;
}

/**
 * Sums the gradients of a training step: one answer a subtree.
 * @param leaves samples of each leaf
 * @param wanted leaves to sum over; the result has a sum for each maximal subtree of them
 */
export function gradientCollector(
  model: ModelSpec,
  leaves: readonly Range[],
  wanted: Range,
): Collector<PartialSum[]> {
  const tree = new ReductionTree(leaves.length, wanted);
  return {
    task: "train",
    check(frame) {
      if (frame.kind !== "partial") return refuse(`a ${frame.kind} frame in a training step`);
      const { level, index, gradient, losses, logits } = frame;
      const node = { level, index };
      expect(tree.has(node), `a sum for node ${level}:${index} of ${leaves.length} leaves`);
      const { start, end } = nodeRange(leaves.length, node);
      const count = leaves[end - 1]!.end - leaves[start]!.start;
      expect(gradient.length === parameterCount(model), `${gradient.length} gradient values`);
      expect(losses.length === count, `${losses.length} losses for ${count} samples`);
      expect(logits.length === count * model.classes, `${logits.length} logits for ${count} samples`);
      return { node, frame };
    },
    add({ node, frame }) {
      const { gradient, losses, logits } = frame as PartialFrame; // by check
      tree.add({ node, gradient, losses, logits });
    },
    result: () => tree.sums(),
  };
}

/** Lines up the predictions of an evaluation: one answer a leaf. */
export function predictionsCollector(
  { classes }: ModelSpec,
  leaves: readonly Range[],
): Collector<Predictions> {
  const samples = leaves.at(-1)?.end ?? 0;
  const losses = new Float32Array(samples);
  const logits = new Float32Array(samples * classes);
  return {
    task: "evaluate",
    check(frame) {
      if (frame.kind !== "predictions") return refuse(`a ${frame.kind} frame in an evaluation`);
      const { index, losses, logits } = frame;
      const { start, end } = leaves[index] ?? refuse(`predictions for leaf ${index}`);
      expect(losses.length === end - start, `${losses.length} losses for ${end - start} samples`);
      expect(logits.length === (end - start) * classes, `${logits.length} logits for ${end - start} samples`);
      return { node: { level: 0, index }, frame };
    },
    add({ node, frame }) {
      const { start } = leaves[node.index]!;
      losses.set(frame.losses, start);
      logits.set(frame.logits, start * classes);
    },
    result: () => ({ losses, logits }),
  };
}

function expect(condition: boolean, seen: string): void {
  if (!condition) refuse(seen);
}

/** What follows the worker's name in the message. */
function refuse(seen: string): never {
  throw new HerdError("cluster", `it sent ${seen}`);
}
