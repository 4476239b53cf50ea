// RMSprop's element of a chain.
import { type GradientTransformation, zerosFor } from "./optimizer.ts";

/** Keras's default: the part of the running mean square that stays at each step. */
export const RHO = 0.9;
/** Keras's default: what is added to the mean square under the root, against division by 0. */
export const EPSILON = 1e-7;

/**
 * Divides by a running root mean square, as keras/src/optimizers/rmsprop.py does: v ← rho·v + (1 − rho)·g², then
 * g ← g / sqrt(v + epsilon), with epsilon inside the root.
 */
export function scaleByRms(
  { rho = RHO, epsilon = EPSILON }: { rho?: number; epsilon?: number } = {},
): GradientTransformation {
  return {
    init: (table) => ({ velocity: zerosFor(table) }),
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
