// A unit of work on its way, a training step or an evaluation: what its workers owe, and what is done with their answers.
// Knows no socket and no clock.
import { HerdError } from "../shared/errors.ts";
import type { Frame } from "../shared/frames.ts";
import { type ModelSpec, parameterCount } from "../shared/model.ts";
import { nodeRange, type Range, subtreesIn } from "../shared/tree.ts";
import { type PartialSum, ReductionTree } from "./reduce.ts";

/** Losses and logits in sample order. */
export interface Predictions {
  readonly losses: Float32Array;
  readonly logits: Float32Array;
}

/** Collects the answers to one unit of work. */
export interface Collector<Result> {
  readonly task: "train" | "evaluate";
  /** Frames that a range of leaves is answered with. */
  answersIn(range: Range): number;
  /**
   * Takes an answer; true when it was the last one missing.
   * @throws {HerdError} cluster, if it is not of the kind or the size that it should be
   */
  add(answer: Frame): boolean;
  /** What came of it. */
  result(): Result;
}

/** Sums the gradients of a training step: one answer a subtree. */
export function gradientCollector(model: ModelSpec, leaves: readonly Range[]): Collector<PartialSum> {
  const tree = new ReductionTree(leaves.length);
  return {
    task: "train",
    answersIn: (range) => subtreesIn(leaves.length, range).length,
    add(answer) {
      if (answer.kind !== "partial") return refuse(`a ${answer.kind} frame in a training step`);
      const { level, index, gradient, losses, logits } = answer;
      const { start, end } = nodeRange(leaves.length, { level, index });
      const count = (leaves[end - 1]?.end ?? 0) - (leaves[start]?.start ?? 0);
      expect(gradient.length === parameterCount(model), `${gradient.length} gradient values`);
      expect(losses.length === count, `${losses.length} losses for ${count} samples`);
      expect(logits.length === count * model.classes, `${logits.length} logits for ${count} samples`);
      tree.add({ node: { level, index }, gradient, losses, logits });
      return tree.missing().length === 0;
    },
    result: () => tree.result(),
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
  const missing = new Set(leaves.keys());
  return {
    task: "evaluate",
    answersIn: (range) => range.end - range.start,
    add(answer) {
      if (answer.kind !== "predictions") return refuse(`a ${answer.kind} frame in an evaluation`);
      const { start, end } = leaves[answer.index] ?? refuse(`predictions for leaf ${answer.index}`);
      expect(answer.losses.length === end - start, `${answer.losses.length} losses for ${end - start} samples`);
      expect(
        answer.logits.length === (end - start) * classes,
        `${answer.logits.length} logits for ${end - start} samples`,
      );
      losses.set(answer.losses, start);
      logits.set(answer.logits, start * classes);
      missing.delete(answer.index);
      return missing.size === 0;
    },
    result: () => ({ losses, logits }),
  };
}

function expect(condition: boolean, seen: string): void {
  if (!condition) refuse(seen);
}

/** What follows "Worker w1 is lost:" in the message. */
function refuse(seen: string): never {
  throw new HerdError("cluster", `it sent ${seen}`);
}
