// What --diagnostics has seen of a run so far.
import type { ArmName } from "./run_key.ts";

/** One kernel in the trainings of one arm at one rate: means over epochs, steps and seeds. Norms are Euclidean. */
export interface LayerDiagnostics {
  /** Which arm's. */
  readonly arm: ArmName;
  /** Of the arm. */
  readonly learningRate: number;
  /** "conv1.kernel" */
  readonly kernel: string;
  /** Of the mean loss, before anything is done to it. */
  readonly gradientNorm: number;
  /** The part of that norm, 0 to 1, that centralizing takes away, or would take away. */
  readonly removedShare: number;
  /** Before the step. */
  readonly weightNorm: number;
  /** Mean of the weights. */
  readonly kernelMean: number;
  /** Of what is added to the weights. */
  readonly updateNorm: number;
  /** Cosine of this arm's update and the baseline's of the same step; null for the baseline. */
  readonly updateCosine: number | null;
}

/** What was seen, over all trainings that are compared. */
export interface DiagnosticsSummary {
  /** In the order in which they came. */
  readonly layers: readonly LayerDiagnostics[];
  /** What centralizing costs in a step, measured in all arms: median, in milliseconds. */
  readonly centralizeMs: number;
  /** What a step's whole update costs: median over all arms, in milliseconds. */
  readonly updateMs: number;
}
