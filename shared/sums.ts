// What is computed from samples and travels to the coordinator.
import type { NodeId } from "./tree.ts";

/** What a forward pass says of samples, in order. */
export interface Predictions {
  /** One float32 a sample. */
  readonly losses: Float32Array;
  /** float32, as many a sample as the model has classes. */
  readonly logits: Float32Array;
}

/** Sums over a subtree's samples, never means. */
export interface PartialSum extends Predictions {
  /** The root of the subtree. */
  readonly node: NodeId;
  /** Flat float32 gradient, as laid out by the parameter table. */
  readonly gradient: Float32Array;
}
