// The coordinator's public face: its commands, what other commands are handed of it, and what a run gives and tells.
export {
  DEFAULT_SETTINGS,
  evaluateCommand,
  learnability,
  type LearnabilityOptions,
  type LocalEngine,
  modelCommand,
  predictCommand,
  reportCommand,
  type RunOptions,
  runTraining,
  type Settings,
  trainCommand,
  type TrainParts,
  type Watch,
} from "./commands/mod.ts";
export { RelayWorkers } from "./relay/mod.ts";
export type { Report } from "./report/mod.ts";
