// The arms of the experiment: optimizer configurations that differ in one element of a chain.
import type { ArmName } from "../events/mod.ts";
import type { NumericConfig } from "./numeric_config.ts";
import { centralize, chain, type GradientTransformation, scale, scaleByRms, trace } from "./optimizer.ts";

/** RMSprop's settings: the optimizer's part of a numeric config. */
export type OptimizerSettings = Pick<NumericConfig, "learningRate" | "momentum" | "rho" | "epsilon">;

/** RMSprop, with gradient centralization before it (`gc`), after it (`gc-update`), or not at all. */
export function armOptimizer(arm: ArmName, settings: OptimizerSettings): GradientTransformation {
  const { learningRate, momentum, rho, epsilon } = settings;
  const rmsprop = [scaleByRms({ rho, epsilon }), trace(momentum), scale(-learningRate)];
  const chains: Record<ArmName, () => GradientTransformation> = {
    "no-gc": () => chain(...rmsprop),
    gc: () => chain(centralize(), ...rmsprop),
    "gc-update": () => chain(...rmsprop, centralize()),
  };
  return chains[arm]();
}
