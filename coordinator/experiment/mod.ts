// The experiment's public face: what is trained, how far each training has come, and the loop.
export { armOptimizer, type OptimizerSettings } from "./arms.ts";
export { Diagnostics } from "./diagnostics.ts";
export {
  DIAGNOSTICS_HEADER,
  diagnosticsLine,
  type DiagnosticsRow,
  parseDiagnostics,
  rowsUntil,
} from "./diagnostics_rows.ts";
export { type Experiment, rateOf, type SplitData, type StepComputer, stepsOf } from "./experiment.ts";
export { confusionOf, MetricsAccumulator, type MetricsSums, rankingOf } from "./metrics.ts";
export { GC_SCOPES, type GcScope, type NumericConfig, type OptimizerName, OPTIMIZERS } from "./numeric_config.ts";
export { applyUpdate, type GradientTransformation, type OptimizerState, type UpdateContext } from "./optimizer.ts";
export { impossibility, positionOf, standOf } from "./position.ts";
export { type Listeners, runExperiment, type StepProgress } from "./run_experiment.ts";
export type { Spent, StepTimes } from "./spent.ts";
export { beginTraining, type EpochState, releaseWeights, type Training, weightsHash } from "./training.ts";
export { isDispensable, isOver, type Turn, turns } from "./turns.ts";
