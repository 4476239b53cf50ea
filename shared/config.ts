// The numeric config: everything that changes bits, and its hash, which the handshake compares.
import type { Compression } from "./half.ts";
import type { ModelSpec } from "./model.ts";

/** All that the bits of a run depend on, besides the seed's draws, the engine's fingerprint and the number of epochs. */
export interface NumericConfig {
  /** SHA-256 of the data set: decoded pixels and labels in sample id order. */
  readonly dataset: string;
  /** Number of training images taken, or null for all. */
  readonly limit: number | null;
  /** The network. */
  readonly model: ModelSpec;
  /** Samples in an optimizer step. */
  readonly batchSize: number;
  /** Samples in a leaf. */
  readonly microBatch: number;
  /** Of RMSprop. */
  readonly learningRate: number;
  /** Of RMSprop; 0 for none. */
  readonly momentum: number;
  /** What RMSprop's mean square keeps of its past in a step. */
  readonly rho: number;
  /** What RMSprop adds to the mean square under the root. */
  readonly epsilon: number;
  /** Of initial weights, order, augmentation and dropout. */
  readonly seed: number;
  /** How weights travel in training steps. */
  readonly compress: Compression;
  /** Whether gradients travel so too: results then depend on who computes what. */
  readonly compressGradients: boolean;
}

/** JSON with sorted keys and no spaces: equal values give equal text. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner) => {
    if (inner === null || typeof inner !== "object" || Array.isArray(inner)) return inner;
    return Object.fromEntries(Object.entries(inner).sort(([a], [b]) => a < b ? -1 : 1));
  });
}

/** The hash of a numeric config, in hexadecimal. */
export function configHash(config: NumericConfig): Promise<string> {
  return sha256(new TextEncoder().encode(canonicalJson(config)));
}

/** SHA-256 in hexadecimal. */
export async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
}
