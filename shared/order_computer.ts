// What computes a coordinator's orders, wherever it does so: a worker's engine with its samples, or the workers behind a relay.
import type { EngineName } from "./engine_names.ts";
import type { PartialSum, Predictions } from "./sums.ts";
import type { Range } from "./tree.ts";

/** Leaves of a step or evaluation that are to be computed. */
export interface LeafOrder {
  /** With the epoch and a sample's id, the name of its random draws. */
  readonly seed: number;
  /** From 1. */
  readonly epoch: number;
  /** Leaves in the whole step: the shape of the reduction tree. */
  readonly leafCount: number;
  /** The leaves that are ordered. */
  readonly range: Range;
  /** Sample ids of each leaf in the range, of the training split for gradients, else of the test split. */
  readonly samples: readonly number[][];
}

/** Computes orders; calls must not overlap. */
export interface OrderComputer extends AsyncDisposable {
  /** Which engine it is. */
  readonly engine: EngineName;
  /** The device in words. */
  readonly adapter: string;
  /** What the answers' bits depend on, as a hash: equal fingerprints are expected to give equal bits. */
  readonly fingerprint: string;
  /** About how long a leaf of the run takes, measured on less. */
  readonly leafMilliseconds: number;
  /** Takes the flat float32 weights for the calls that follow; copies what it keeps. */
  setWeights(flat: Float32Array): void;
  /**
   * The sums over the maximal subtrees of an order's leaves, in any order; each is valid until the next is asked for.
   * @param signal aborts when nobody wants the sums any more; a computer that can throws the signal's reason then
   */
  gradients(order: LeafOrder, signal: AbortSignal): AsyncIterable<PartialSum>;
  /**
   * The predictions for each leaf of an order, in order.
   * @param signal aborts when nobody wants the predictions any more; a computer that can throws the signal's reason then
   */
  evaluate(order: LeafOrder, signal: AbortSignal): AsyncIterable<Predictions>;
}
