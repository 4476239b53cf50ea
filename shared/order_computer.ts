// What computes a coordinator's orders, wherever it does so: a worker's engine with its samples, or the workers behind a relay.
import type { EngineName } from "./engine_names.ts";
import type { Work } from "./protocol.ts";
import type { PartialSum, Predictions } from "./sums.ts";

/** Computes orders; calls must not overlap. */
export interface OrderComputer extends AsyncDisposable {
  readonly engine: EngineName;
  /** The device in words. */
  readonly adapter: string;
  /** What the answers' bits depend on, as a hash: equal fingerprints are expected to give equal bits. */
  readonly fingerprint: string;
  /** Takes the flat float32 weights for the calls that follow; copies what it keeps. */
  setWeights(flat: Float32Array): void;
  /**
   * The sums over the maximal subtrees of an order's leaves, in any order; each is valid until the next is asked for.
   * @param signal aborts when nobody wants the sums any more; a computer that can throws the signal's reason then
   */
  gradients(work: Work, signal: AbortSignal): AsyncIterable<PartialSum>;
  /**
   * The predictions for each leaf of an order, in order.
   * @param signal aborts when nobody wants the predictions any more; a computer that can throws the signal's reason then
   */
  evaluate(work: Work, signal: AbortSignal): AsyncIterable<Predictions>;
}
