// What a worker computes with, and its hash, which the handshake compares.
import type { Compression } from "./half.ts";
import type { ModelSpec } from "./model.ts";

/** All that a worker's bits depend on, besides the weights and samples that it is sent and its engine's fingerprint. */
export interface ComputeConfig {
  /** SHA-256 of the data set: decoded pixels and labels in sample id order. */
  readonly dataset: string;
  /** The network. */
  readonly model: ModelSpec;
  /** By class, what the losses and gradients of its training samples are multiplied by: float32 values; absent for none. */
  readonly classWeights?: readonly number[];
  /** Samples in a step, at most. */
  readonly batchSize: number;
  /** Samples in a leaf, at most. */
  readonly microBatch: number;
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

/** The hash of a config, in hexadecimal: coordinator and worker must mean the same one. */
export function configHash(config: ComputeConfig): Promise<string> {
  return sha256(new TextEncoder().encode(canonicalJson(config)));
}

/** SHA-256 in hexadecimal. */
export async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
}
