// The arms of the experiment: optimizer configurations that differ in one element of a chain.
import type { ArmName } from "../events/mod.ts";
import { scaleByAdam } from "./adam.ts";
import { centralize } from "./centralize.ts";
import type { NumericConfig, OptimizerName } from "./numeric_config.ts";
import { chain, type GradientTransformation, scale, trace } from "./optimizer.ts";
import { scaleByRms } from "./rmsprop.ts";

/** An optimizer's settings: its part of a numeric config. */
export type OptimizerSettings = Pick<
  NumericConfig,
  "learningRate" | "optimizer" | "momentum" | "nesterov" | "gcScope" | "gcScale"
>;

type Chain = readonly GradientTransformation[];

// From a gradient to what is added to the weights. sgd has its rate before its momentum, as in Keras; rmsprop after it,
// which by a constant rate is the same but for rounding.
const OPTIMIZERS: Readonly<Record<OptimizerName, (settings: OptimizerSettings) => Chain>> = {
  rmsprop: ({ learningRate, momentum }) => [scaleByRms(), trace(momentum), scale(-learningRate)],
  sgd: ({ learningRate, momentum, nesterov }) => [scale(-learningRate), trace(momentum, { nesterov })],
  adam: ({ learningRate }) => [scaleByAdam(), scale(-learningRate)],
};

const ARMS: Readonly<Record<ArmName, (optimizer: Chain, gc: GradientTransformation) => Chain>> = {
  "no-gc": (optimizer) => optimizer,
  gc: (optimizer, gc) => [gc, ...optimizer],
  "gc-update": (optimizer, gc) => [...optimizer, gc],
};

/** The optimizer, with gradient centralization before it (`gc`), after it (`gc-update`), or not at all. */
export function armOptimizer(arm: ArmName, settings: OptimizerSettings): GradientTransformation {
  const gc = centralize({ scope: settings.gcScope, scale: settings.gcScale });
  return chain(...ARMS[arm](OPTIMIZERS[settings.optimizer](settings), gc));
}
