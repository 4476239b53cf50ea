// What happens in a run: the union of events, the counts of faults, and the names of trainings.
export type {
  ClusterEvent,
  DatasetFacts,
  EpochRecord,
  MeanMetrics,
  Position,
  RunEvent,
  RunFacts,
  RunHistory,
  TimedEvent,
  Traffic,
  TrainingRecord,
  WorkerInfo,
} from "./event.ts";
export { addFaults, describeFaults, type FaultCounts, NO_FAULTS } from "./faults.ts";
export { joinHistories } from "./history.ts";
export { describeKey, describePosition } from "./position.ts";
export { ARM_NAMES, type ArmName, isSameRun, type RunKey, runName } from "./run_key.ts";
