// What one step says of each kernel, as figures. All sums are taken in float64, in index order, so that the figures
// have the same bits everywhere.
import type { LayerDiagnostics } from "../events/mod.ts";
import type { Parameter } from "../../shared/model.ts";
import { isCentralized, outputMeans } from "./centralize.ts";
import type { GcScope } from "./numeric_config.ts";

/** A step, seen by its flat float32 arrays. */
export interface ObservedStep {
  /** Of the mean loss, before anything is done to it. */
  readonly gradient: Float32Array;
  /** What the optimizer made of it, to be added to the weights. */
  readonly update: Float32Array;
  /** Before the step. */
  readonly weights: Float32Array;
  /** Where each parameter lies in all three. */
  readonly table: readonly Parameter[];
  /** Of the centralization that is looked at. */
  readonly scope: GcScope;
}

/**
 * A step's figures of one kernel. The part that is removed is 0 for a kernel out of the scope; what is taken away is at right
 * angles to what is left, so the squares of both shares add up to 1.
 */
export type KernelFigures = Pick<
  LayerDiagnostics,
  "kernel" | "gradientNorm" | "removedShare" | "weightNorm" | "kernelMean" | "updateNorm"
>;

/** The figures of every kernel (rank > 1), in the order of the table. */
export function observe({ gradient, update, weights, table, scope }: ObservedStep): KernelFigures[] {
  return kernelsOf(table).map((parameter) => {
    const gradientNorm = normOf(gradient, parameter);
    const removed = isCentralized(parameter, scope) ? meansNorm(gradient, parameter) : 0;
    return {
      kernel: parameter.name,
      gradientNorm,
      removedShare: gradientNorm === 0 ? 0 : Math.min(1, removed / gradientNorm),
      weightNorm: normOf(weights, parameter),
      kernelMean: meanOf(weights, parameter),
      updateNorm: normOf(update, parameter),
    };
  });
}

/** The parameters that figures are of: those of rank > 1. */
export function kernelsOf(table: readonly Parameter[]): Parameter[] {
  return table.filter(({ shape }) => shape.length > 1);
}

/** Cosine of the angle between one kernel's values in two flat arrays, −1 to 1; null where one has no direction. */
export function cosineOf(a: Float32Array, b: Float32Array, kernel: Parameter): number | null {
  const product = dot(a, b, kernel);
  // One root of both keeps the cosine of an array with itself exactly 1.
  const norms = Math.sqrt(dot(a, a, kernel) * dot(b, b, kernel));
  return norms > 0 && Number.isFinite(norms) ? Math.max(-1, Math.min(1, product / norms)) : null;
}

function normOf(values: Float32Array, kernel: Parameter): number {
  return Math.sqrt(dot(values, values, kernel));
}

/** Norm of a kernel whose every value is the mean of its output. */
function meansNorm(gradient: Float32Array, kernel: Parameter): number {
  const means = outputMeans(gradient, kernel);
  return Math.sqrt(means.reduce((sum, mean) => sum + mean * mean, 0) * (kernel.size / means.length));
}

function dot(a: Float32Array, b: Float32Array, { offset, size }: Parameter): number {
  let sum = 0;
  for (let i = offset, end = offset + size; i < end; i++) sum += a[i]! * b[i]!;
  return sum;
}

function meanOf(values: Float32Array, { offset, size }: Parameter): number {
  let sum = 0;
  for (let i = offset, end = offset + size; i < end; i++) sum += values[i]!;
  return sum / size;
}
