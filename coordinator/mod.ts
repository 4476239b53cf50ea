// The coordinator's public face: a run, how it is told of, its report, and the workers behind a relay.
export { ARM_NAMES, type ArmName } from "./events/mod.ts";
export { JsonLinesReporter } from "./report/json_lines.ts";
export { readLauncher } from "./launch/mod.ts";
export { learnability, type LearnabilityOptions } from "./commands/learnability.ts";
export type { Reporter, RunFacts } from "./report/reporter.ts";
export { RelayWorkers } from "./relay/relay_workers.ts";
export { parseReport, type Report } from "./report/report.ts";
export { reportHtml } from "./report/report_html.ts";
export { readRunConfig, type RunConfig } from "./storage/mod.ts";
export { interrupted, train, type TrainConfig } from "./commands/run.ts";
export { finalBlock, ProgressLine, TerminalReporter } from "./report/terminal.ts";
