// What the coordinator does on command: train, evaluate, predict, model, report, and the trial of a data set.
export { evaluateCommand } from "./evaluate.ts";
export { learnability, type LearnabilityOptions } from "./learnability.ts";
export { type LibraryParts, trainerOf } from "./library.ts";
export { modelCommand } from "./model.ts";
export { predictCommand } from "./predict.ts";
export { reportCommand } from "./report.ts";
export { runTraining } from "./run.ts";
export type { LocalEngine, RunOptions, TrainParts, Watch } from "./run_options.ts";
export { DEFAULT_SETTINGS, type Settings } from "./settings.ts";
export { trainCommand } from "./train.ts";
export type { TrainOptions } from "./train_options.ts";
