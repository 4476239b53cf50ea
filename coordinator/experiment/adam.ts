// Adam's element of a chain.
import { type GradientTransformation, zerosFor } from "./optimizer.ts";

/** Keras's default: the part of the running mean that stays at each step. */
export const BETA_1 = 0.9;
/** Keras's default: the part of the running mean square that stays at each step. */
export const BETA_2 = 0.999;
/** Keras's default: what is added to the root of the mean square, against division by 0. */
export const EPSILON = 1e-7;

/**
 * Adam (Kingma and Ba, ICLR 2015, arXiv 1412.6980) as keras/src/optimizers/adam.py computes it, with epsilon outside
 * the root and not corrected for bias: m ← m + (1 − beta1)·(g − m), v ← v + (1 − beta2)·(g² − v), then g ← alpha·m /
 * (sqrt(v) + epsilon) with alpha = sqrt(1 − beta2^t) / (1 − beta1^t) in the t-th step. t is kept in the state, in one
 * float32: exact up to 2^24 steps, where it stops, and alpha has long been 1.
 */
export function scaleByAdam(
  { beta1 = BETA_1, beta2 = BETA_2, epsilon = EPSILON }: { beta1?: number; beta2?: number; epsilon?: number } = {},
): GradientTransformation {
  return {
    init: (table) => ({ momentum: zerosFor(table), velocity: zerosFor(table), steps: new Float32Array(1) }),
    update(gradient, { state }) {
      const { momentum, velocity, steps } = state as { [name in "momentum" | "velocity" | "steps"]: Float32Array };
      steps[0] = steps[0]! + 1;
      const alpha = Math.sqrt(1 - power32(beta2, steps[0])) / (1 - power32(beta1, steps[0]));
      for (let i = 0, { length } = gradient; i < length; i++) {
        const g = gradient[i]!;
        const m = Math.fround(momentum[i]! + (1 - beta1) * (g - momentum[i]!));
        const v = Math.fround(velocity[i]! + (1 - beta2) * (g * g - velocity[i]!));
        momentum[i] = m;
        velocity[i] = v;
        gradient[i] = alpha * m / (Math.sqrt(v) + epsilon);
      }
    },
  };
}

/**
 * base^exponent, both it and base rounded to float32 as in Keras: 1 − 0.999 is then 1.3e-5 of itself too small, which
 * would else be the largest difference between its weights and these. By squaring: Math.pow may differ in its last bits
 * between machines, products do not.
 */
function power32(base: number, exponent: number): number {
  let result = 1;
  for (let square = Math.fround(base), rest = exponent; rest > 0; square *= square, rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) result *= square;
  }
  return Math.fround(result);
}
