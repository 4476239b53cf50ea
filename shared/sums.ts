// What is computed from samples and travels to the coordinator, and the arithmetic on sums that several need.
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

/** Divides a sum by the number of samples in it, in place: the one division of the all-reduce. */
export function divideBy(sum: Float32Array, samples: number): void {
  for (let i = 0, { length } = sum; i < length; i++) sum[i] = sum[i]! / samples;
}

/** Whether all values are finite: by sums in float64, which finite float32 values cannot overflow and the others survive. */
export function allFinite(values: Float32Array): boolean {
  // Four sums, since an addition waits for the one before it.
  let [a, b, c, d] = [0, 0, 0, 0];
  const whole = values.length - values.length % 4;
  for (let i = 0; i < whole; i += 4) {
    a += values[i]!;
    b += values[i + 1]!;
    c += values[i + 2]!;
    d += values[i + 3]!;
  }
  for (let i = whole; i < values.length; i++) a += values[i]!;
  return Number.isFinite(a + b + c + d);
}
