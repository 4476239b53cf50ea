// What is done with the answers to one unit of work, a training step or an evaluation. Knows no socket and no clock.
import type { Frame, PartialFrame, PredictionsFrame } from "../../shared/frames.ts";
import { type ModelSpec, parameterCount } from "../../shared/model.ts";
import type { PartialSum, Predictions } from "../../shared/sums.ts";
import { type NodeId, nodeRange } from "../../shared/tree.ts";
import { ReductionTree } from "./reduce.ts";
import type { Work } from "./schedule.ts";

/** What answers one unit of work takes, and how they are collected. */
export interface Collection<Result> {
  /** The node that an answer is for; or, if it is not of the kind or the size that it should be, what it is. */
  check(answer: Frame): Answer | string;
  /** Begins to collect. */
  begin(): Collector<Result>;
}

/** Collects the answers to one unit of work. */
export interface Collector<Result> {
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

/** Sums the gradients of a training step: one answer a subtree. The result has a sum for each maximal subtree that is wanted. */
export function gradientCollection(model: ModelSpec, { bounds, wanted }: Work): Collection<PartialSum[]> {
  const leaves = bounds.length - 1;
  const shape = new ReductionTree(leaves, wanted);
  const parameters = parameterCount(model);
  return {
    check(frame) {
      if (frame.kind !== "partial") return `a ${frame.kind} frame in a training step`;
      const { level, index, gradient, losses, logits } = frame;
      const node = { level, index };
      if (!shape.has(node)) return `a sum for node ${level}:${index} of ${leaves} leaves`;
      const { start, end } = nodeRange(leaves, node);
      const count = bounds[end]! - bounds[start]!;
      if (gradient.length !== parameters) return `${gradient.length} gradient values`;
      if (losses.length !== count) return `${losses.length} losses for ${count} samples`;
      if (logits.length !== count * model.classes) return `${logits.length} logits for ${count} samples`;
      return { node, frame };
    },
    begin() {
      const tree = new ReductionTree(leaves, wanted);
      return {
        add({ node, frame }) {
          const { gradient, losses, logits } = frame as PartialFrame; // by check
          tree.add({ node, gradient, losses, logits });
        },
        result: () => tree.sums(),
      };
    },
  };
}

/** Lines up the predictions of an evaluation: one answer a leaf. */
export function predictionsCollection({ classes }: ModelSpec, { bounds, wanted }: Work): Collection<Predictions> {
  const samples = bounds.at(-1)!;
  return {
    check(frame) {
      if (frame.kind !== "predictions") return `a ${frame.kind} frame in an evaluation`;
      const { index, losses, logits } = frame;
      if (!(wanted.start <= index && index < wanted.end)) return `predictions for leaf ${index}`;
      const count = bounds[index + 1]! - bounds[index]!;
      if (losses.length !== count) return `${losses.length} losses for ${count} samples`;
      if (logits.length !== count * classes) return `${logits.length} logits for ${count} samples`;
      return { node: { level: 0, index }, frame };
    },
    begin() {
      const losses = new Float32Array(samples);
      const logits = new Float32Array(samples * classes);
      return {
        add({ node, frame }) {
          const start = bounds[node.index]!;
          losses.set(frame.losses, start);
          logits.set(frame.logits, start * classes);
        },
        result: () => ({ losses, logits }),
      };
    },
  };
}
