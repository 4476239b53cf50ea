// The coordinator's public face: its commands, what other commands are handed of it, and what a run gives and tells.
export {
  DEFAULT_SETTINGS,
  evaluateCommand,
  learnability,
  type LearnabilityOptions,
  type LibraryParts,
  type LocalEngine,
  modelCommand,
  predictCommand,
  reportCommand,
  type RunOptions,
  runTraining,
  type Settings,
  trainCommand,
  trainerOf,
  type TrainOptions,
  type TrainParts,
  type Watch,
} from "./commands/mod.ts";
export { RelayWorkers } from "./relay/mod.ts";
export type { ArmReport, Comparison, Metric, PairReport, Plan, Report, Verdict, WorkerReport } from "./report/mod.ts";
export type { ArmName, EpochRecord, RunEvent, RunKey, TimedEvent } from "./events/mod.ts";
