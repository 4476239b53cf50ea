// The coordinator's public face: its commands, and what other commands are handed of it.
export { learnability, type LearnabilityOptions } from "./commands/learnability.ts";
export { reportCommand } from "./commands/report.ts";
export { type RunOptions, runTraining } from "./commands/run.ts";
export { DEFAULT_SETTINGS, type Settings } from "./commands/settings.ts";
export { trainCommand, type TrainParts } from "./commands/train.ts";
export { RelayWorkers } from "./relay/mod.ts";
export type { Report } from "./report/mod.ts";
