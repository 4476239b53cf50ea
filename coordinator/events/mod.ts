// What happens in a run: the union of events, the bus that passes them on, what they add up to, and the names of trainings.
export { EventBus, type Subscriber, type Subscription } from "./bus.ts";
export { addChecks, type CheckCounts, NO_CHECKS, type Taint } from "./checks.ts";
export {
  type ClusterEvent,
  type DatasetFacts,
  type EpochRecord,
  type MeanMetrics,
  type RunEvent,
  type RunFacts,
  type RunHistory,
  type StepSeconds,
  type StepWork,
  type TimedEvent,
  type TracedSpan,
  type Traffic,
  type TrainingFacts,
  type TrainingRecord,
  type WorkerInfo,
} from "./event.ts";
export type { DiagnosticsSummary, LayerDiagnostics } from "./diagnostics.ts";
export { allEpochs, Eta } from "./eta.ts";
export { describeFaults, type FaultCounts, NO_FAULTS } from "./faults.ts";
export { allKeys, keysOf, type Protocol, PROTOCOLS, type RunPlan } from "./plan.ts";
export { describeKey, describePosition, type Position } from "./position.ts";
export { bestEpochOf, isHigherBetter, PRIMARY_METRICS, type PrimaryMetric } from "./primary.ts";
export { ARM_NAMES, type ArmName, isSameRun, type Role, ROLES, type RunKey, runName } from "./run_key.ts";
export { afterEvent, historyOf, inOrder, isBitIdentical, NOTHING_YET, type Snapshot } from "./snapshot.ts";
