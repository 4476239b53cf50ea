// The coordinator's public face: a run, how it is told of, its report, and the workers behind a relay.
export { ARM_NAMES, type ArmName } from "./arms.ts";
export { JsonLinesReporter } from "./json_lines.ts";
export { readLauncher } from "./launch/mod.ts";
export { learnability, type LearnabilityOptions } from "./learnability.ts";
export type { Reporter, RunFacts } from "./reporter.ts";
export { RelayWorkers } from "./relay_workers.ts";
export { parseReport, type Report } from "./report.ts";
export { reportHtml } from "./report_html.ts";
export { readRunConfig, type RunConfig } from "./run_config.ts";
export { interrupted, train, type TrainConfig } from "./run.ts";
export { finalBlock, formatBytes, formatSeconds, ProgressLine, TerminalReporter } from "./terminal.ts";
