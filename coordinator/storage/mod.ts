// The storage's public face: what a run leaves on the disk, and what it goes on from.
export { readBoundedText } from "./bounded_text.ts";
export { type Checkpoint, differences, type RunIdentity } from "./checkpoint.ts";
export { type CheckpointFiles, CheckpointStore, type PendingCheckpoint } from "./checkpoint_store.ts";
export { DiagnosticsFile } from "./diagnostics_file.ts";
export { newestRun, readReportText, writePicture, writeReportPage } from "./finished_runs.ts";
export { MetricsFile } from "./metrics_file.ts";
export { readModelWeights } from "./model_weights.ts";
export { refuseLinks } from "./plain_folder.ts";
export { Recorder, type RecorderOptions } from "./recorder.ts";
export { keepWhatWasBefore, loadCheckpoints, type Resumed } from "./resume.ts";
export { NumericConfigSchema, readRunConfig, type RunConfig } from "./run_config.ts";
export { RunDirectory } from "./run_folder.ts";
