// Everything that a device must do, whatever it is. An engine knows no socket, no clock and no other worker.
import type { EngineName } from "../shared/engine_names.ts";
import type { ModelSpec } from "../shared/model.ts";
import type { PhaseListener } from "../shared/spans.ts";
import type { PartialSum, Predictions } from "../shared/sums.ts";
import type { NodeId } from "../shared/tree.ts";

export type { EngineName };

/** One image. */
export interface Sample {
  /** In its split. */
  readonly id: number;
  /** Its class: 0 or 1 for a binary model. */
  readonly label: number;
  /** size × size × 3 bytes, which may be valid only until those of another sample are asked for. */
  readonly pixels: Uint8Array;
}

/** A sample's pixels. @throws {RangeError} if they are not so many bytes */
export function pixelsOf({ id, pixels }: Sample, length: number): Uint8Array {
  if (pixels.length === length) return pixels;
  throw new RangeError(`Sample ${id} has ${pixels.length} bytes instead of ${length}`);
}

/** A micro-batch. Seed, epoch and sample ids name its random draws; nothing else does. */
export interface Leaf {
  /** Position among the step's leaves. */
  readonly index: number;
  /** Of the training. */
  readonly seed: number;
  /** From 1. */
  readonly epoch: number;
  /** In the order of the batch. */
  readonly samples: readonly Sample[];
}

/** What an engine is made from. */
export interface EngineOptions {
  /** The network. */
  readonly spec: ModelSpec;
  /** By class, what the losses and gradients of training samples are multiplied by. */
  readonly classWeights?: readonly number[];
  /** The most samples a leaf will have. */
  readonly microBatch: number;
  /** The most leaves a step will have: memory for their sums is made ready. Without it, it grows when they come. */
  readonly leaves?: number;
  /** Flip, rotate and zoom training images. Off in golden tests. */
  readonly augment: boolean;
  /** Where tiles may be that were tuned for this machine's GPU (`deno task bench --tune`); the file need not be there. */
  readonly tilesFile?: string;
  /** Called after each leaf of a training pass: a worker shows by it that it is alive. */
  readonly onLeaf?: () => void;
  /** Called as a leaf goes from phase to phase, as often as it does, and with null when it is done; by engines that can tell. */
  readonly onPhase?: PhaseListener;
  /** Called with what takes a while and is being done, for people: "compiling 57 kernels for NVIDIA H100". */
  readonly onProgress?: (text: string) => void;
}

/** A device that computes. Calls must not overlap. */
export interface GradientEngine extends AsyncDisposable {
  /** What --backend calls it. */
  readonly name: EngineName;
  /** The device in words: "NVIDIA H100", "llvmpipe (…)", "CPU". */
  readonly adapter: string;
  /** What the engine's bits depend on besides its inputs: kernel version, adapter, tile choices. */
  readonly kernels: string;
  /** Takes the flat float32 weights for the calls that follow; copies what it keeps. */
  setWeights(flat: Float32Array): void;
  /**
   * Training pass with augmentation and dropout. Yields one partial sum for each node, in order; valid until the next is
   * asked for.
   * @param leafCount number of leaves of the whole step: the shape of the tree
   * @param leaves all leaves under the nodes
   * @param signal aborts when nobody wants the sums any more: between two leaves its reason is thrown
   * @throws {DeviceLost} if the device is gone: another engine may be made then
   */
  gradients(
    leafCount: number,
    leaves: readonly Leaf[],
    nodes: readonly NodeId[],
    signal?: AbortSignal,
  ): AsyncIterable<PartialSum>;
  /**
   * Inference pass: no augmentation, no dropout. Yields the predictions for each leaf, in order.
   * @param signal as for {@linkcode gradients}
   */
  evaluate(leaves: readonly Leaf[], signal?: AbortSignal): AsyncIterable<Predictions>;
  /** Bits of operations in which devices differ (fused multiply-add, subnormal numbers), for the fingerprint. */
  probeArithmetic?(): Promise<string>;
}
