// What is computed from samples and travels to the coordinator.
import type { NodeId } from "./tree.ts";

/** What a forward pass says of samples, in order: one float32 loss and `classes` float32 logits each. */
export interface Predictions {
  readonly losses: Float32Array;
  readonly logits: Float32Array;
}

/** Sums over a subtree's samples, never means. */
export interface PartialSum extends Predictions {
  readonly node: NodeId;
  /** Flat float32 gradient, as laid out by the parameter table. */
  readonly gradient: Float32Array;
}
