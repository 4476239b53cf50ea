// Optimizers as chains of small transformations over one flat gradient, as in optax: an arm of the experiment is a
// chain with or without one element. State lives in flat arrays beside the weights, so that it can be written to a
// checkpoint.
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
 * Momentum: m ← momentum·m + g, then g ← m, or g ← momentum·m + g where `nesterov` looks one step ahead, as
 * keras/src/optimizers/sgd.py does. With momentum 0 it does nothing and keeps nothing.
 */
export function trace(momentum: number, { nesterov = false }: { nesterov?: boolean } = {}): GradientTransformation {
  if (momentum === 0) return { init: () => ({}), update() {} };
  return {
    init: (table) => ({ momentum: zerosFor(table) }),
    update(gradient, { state }) {
      const slot = state["momentum"]!;
      for (let i = 0, { length } = gradient; i < length; i++) {
        const g = gradient[i]!;
        const m = Math.fround(momentum * slot[i]! + g);
        slot[i] = m;
        gradient[i] = nesterov ? momentum * m + g : m;
      }
    },
  };
}

/** Multiplies by a constant, such as minus the learning rate. */
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

/** A slot of zeros with a value for each of the parameters'. */
export function zerosFor(table: readonly Parameter[]): Float32Array {
  return new Float32Array(table.reduce((sum, { size }) => sum + size, 0));
}

function slotsOf(state: OptimizerState, prefix: string): OptimizerState {
  const own = Object.entries(state).filter(([name]) => name.startsWith(prefix));
  return Object.fromEntries(own.map(([name, slot]) => [name.slice(prefix.length), slot]));
}
