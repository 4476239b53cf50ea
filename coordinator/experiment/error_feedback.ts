// Error feedback for compressed weights: what rounding takes from one message is added to the next, so that a change too
// small for the format is not lost for ever, and over the steps the workers see the exact weights on average.
// Seide et al. 2014, "1-Bit Stochastic Gradient Descent"; Karimireddy et al. 2019, "Error Feedback Fixes SignSGD".
import { decodeHalf, encodeHalf, type Half } from "../../shared/half.ts";

/** A message, and what it leaves for the next one. */
export interface Compensated {
  /** Values that the format has: compressing them loses nothing. */
  readonly sent: Float32Array;
  readonly residual: Float32Array;
}

/**
 * Rounds `weights + residual`; all three are flat and of one length. The new residual is exact, unless a weight is beyond the
 * format: then an infinity is to be sent, and the caller should rather give up.
 */
export function compensate(weights: Float32Array, residual: Float32Array, half: Half): Compensated {
  const wanted = new Float32Array(weights.length);
  for (let i = 0, { length } = wanted; i < length; i++) wanted[i] = weights[i]! + residual[i]!;
  const sent = decodeHalf(encodeHalf(wanted, half), half);
  for (let i = 0, { length } = wanted; i < length; i++) wanted[i]! -= sent[i]!;
  return { sent, residual: wanted };
}
