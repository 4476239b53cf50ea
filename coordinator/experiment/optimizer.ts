// Optimizers as chains of small transformations over one flat gradient, as in optax: an arm of the experiment is a chain
// with or without one element. State lives in flat arrays beside the weights, so that it can be written to a checkpoint.
import type { Parameter } from "../../shared/model.ts";

/** The slots of a transformation: flat float32 arrays by name, or nothing. */
export type OptimizerState = Readonly<Record<string, Float32Array>>;

/** What a transformation sees besides the gradient. */
export interface UpdateContext {
  /** What `init` returned for the table; updated in place. */
  readonly state: OptimizerState;
  /** Flat float32; read only. */
  readonly weights: Float32Array;
  /** Where each parameter lies in gradient and weights. */
  readonly table: readonly Parameter[];
}

/** A part of an optimizer. It remembers nothing itself: all that it keeps from step to step is in its state. */
export interface GradientTransformation {
  /** Fresh state for these parameters. */
  init(table: readonly Parameter[]): OptimizerState;
  /** Rewrites a flat float32 gradient in place. */
  update(gradient: Float32Array, context: UpdateContext): void;
}

/**
 * Gradient centralization (Yong et al., ECCV 2020, arXiv 2004.01461): subtracts from every kernel gradient its mean over all
 * axes but the last, that is, for each output. Biases (rank 1) are left alone. Means are taken in float64, in index order.
 */
export function centralize(): GradientTransformation {
  return {
    init: () => ({}),
    update(gradient, { table }) {
      for (const parameter of table) if (parameter.shape.length > 1) centralizeKernel(gradient, parameter);
    },
  };
}

function centralizeKernel(gradient: Float32Array, { shape, offset, size }: Parameter): void {
  const outputs = shape.at(-1)!;
  const means = new Float64Array(outputs);
  const end = offset + size;
  for (let row = offset; row < end; row += outputs) {
    for (let j = 0; j < outputs; j++) means[j] = means[j]! + gradient[row + j]!;
  }
  const rows = size / outputs;
  for (let j = 0; j < outputs; j++) means[j] = means[j]! / rows;
  for (let row = offset; row < end; row += outputs) {
    for (let j = 0; j < outputs; j++) gradient[row + j] = gradient[row + j]! - means[j]!;
  }
}

/**
 * Divides by a running root mean square, as keras/src/optimizers/rmsprop.py does: v ← rho·v + (1 − rho)·g², then
 * g ← g / sqrt(v + epsilon), with epsilon inside the root.
 */
export function scaleByRms(
  { rho = 0.9, epsilon = 1e-7 }: { rho?: number; epsilon?: number } = {},
): GradientTransformation {
  return {
    init: (table) => ({ velocity: new Float32Array(sizeOf(table)) }),
    update(gradient, { state }) {
      const velocity = state["velocity"]!;
      const fresh = 1 - rho;
      for (let i = 0, { length } = gradient; i < length; i++) {
        const g = gradient[i]!;
        const v = Math.fround(rho * velocity[i]! + fresh * g * g);
        velocity[i] = v;
        gradient[i] = g / Math.sqrt(v + epsilon);
      }
    },
  };
}

/** Momentum: m ← momentum·m + g, then g ← m. With momentum 0 it does nothing and keeps nothing. */
export function trace(momentum: number): GradientTransformation {
  if (momentum === 0) return { init: () => ({}), update() {} };
  return {
    init: (table) => ({ momentum: new Float32Array(sizeOf(table)) }),
    update(gradient, { state }) {
      const slot = state["momentum"]!;
      for (let i = 0, { length } = gradient; i < length; i++) {
        gradient[i] = slot[i] = momentum * slot[i]! + gradient[i]!;
      }
    },
  };
}

/** Multiplies by a constant: minus the learning rate. */
export function scale(factor: number): GradientTransformation {
  return {
    init: () => ({}),
    update(gradient) {
      for (let i = 0, { length } = gradient; i < length; i++) gradient[i] = gradient[i]! * factor;
    },
  };
}

/** Applies transformations in order; the state of the i-th stands under "i/name". */
export function chain(...parts: readonly GradientTransformation[]): GradientTransformation {
  return {
    init(table) {
      const slots = parts.flatMap((part, i) =>
        Object.entries(part.init(table)).map(([name, slot]) => [`${i}/${name}`, slot] as const)
      );
      return Object.fromEntries(slots);
    },
    update(gradient, { state, ...rest }) {
      parts.forEach((part, i) => part.update(gradient, { state: slotsOf(state, `${i}/`), ...rest }));
    },
  };
}

/** Adds the transformed gradient to the weights, in place. */
export function applyUpdate(weights: Float32Array, update: Float32Array): void {
  for (let i = 0, { length } = weights; i < length; i++) weights[i] = weights[i]! + update[i]!;
}

function slotsOf(state: OptimizerState, prefix: string): OptimizerState {
  const own = Object.entries(state).filter(([name]) => name.startsWith(prefix));
  return Object.fromEntries(own.map(([name, slot]) => [name.slice(prefix.length), slot]));
}

function sizeOf(table: readonly Parameter[]): number {
  return table.reduce((sum, { size }) => sum + size, 0);
}
