// What a leaf's samples are besides their pixels, as the kernels read it: 16 words each.
import { dropoutThreshold } from "../../../shared/dropout.ts";
import type { Words } from "../../../shared/threefry.ts";
import type { Affine } from "../../augmentation.ts";
import type { Binding, Slice } from "./dispatch.ts";
import { THREEFRY } from "./threefry.ts";

/** Bytes a sample. */
export const SAMPLE_BYTES = 64;

/** One sample's record. */
export interface SampleRecord {
  /** Of the dropout draws; undefined for none. */
  readonly key: Words | undefined;
  /** Its class. */
  readonly label: number;
  /** What its gradient is multiplied by: 1 if it is absent. */
  readonly weight?: number;
  /** Output pixel to input pixel. */
  readonly map: Affine;
}

/** WGSL of the record: as an array's element 64 bytes. */
export const SAMPLE_STRUCT = `struct Sample {
  key: vec2<u32>,
  drops: u32, // 1 in a training pass, else 0
  label: u32,
  // Of its class, or 0 for one that only fills the leaf up.
  weight: f32, a: f32, b: f32, c: f32, d: f32, e: f32, f: f32,
  spare: u32,
  more: vec4<u32>,
}`;

/** All records of a pass, as every kernel binds them: a uniform binding costs a software adapter a fifth of another one's loads. */
export function sampleBinding(images: number, at: Slice): Binding {
  return { name: "samples", type: `array<Sample, ${images}>`, access: "uniform", at };
}

/** Writes a record; undefined is one that only fills the leaf up. */
export function writeSample(target: DataView, index: number, record: SampleRecord | undefined): void {
  const start = index * SAMPLE_BYTES;
  for (let i = 0; i < SAMPLE_BYTES; i += 4) target.setUint32(start + i, 0, true);
  if (!record) return;
  const { key, label, weight = 1, map } = record;
  [...(key ?? [0, 0]), key ? 1 : 0, label].forEach((word, i) => target.setUint32(start + 4 * i, word, true));
  [weight, ...map].forEach((value, i) => target.setFloat32(start + 16 + 4 * i, value, true));
}

/**
 * WGSL of dropout at one layer: `fn kept4(key, e)` says of four elements from e on (a multiple of 4), and `fn kept(key, e)` of
 * one, whether they are kept (true) under the draws of shared/dropout.ts.
 */
export function dropoutFunctions(layer: number, rate: number): string {
  return `${THREEFRY}
fn kept4(key: vec2<u32>, e: u32) -> vec4<bool> {
  let w = threefry(key, vec2(${layer}u, e >> 2u));
  return vec4(w.x & 0xffffu, w.x >> 16u, w.y & 0xffffu, w.y >> 16u) >= vec4(${dropoutThreshold(rate)}u);
}
fn kept(key: vec2<u32>, e: u32) -> bool {
  let w = threefry(key, vec2(${layer}u, e >> 2u));
  return ((select(w.x, w.y, (e & 2u) != 0u) >> (16u * (e & 1u))) & 0xffffu) >= ${dropoutThreshold(rate)}u;
}`;
}
