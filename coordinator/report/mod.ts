// What a person sees of a run: the report as data, as text and as a page; the terminal and the JSON lines are subscribers.
export { compareReports, type NamedReport } from "./compare_reports.ts";
export { finalBlock } from "./final_block.ts";
export { COLOURS } from "./page/colours.css.ts";
export { jsonLines } from "./json_lines.ts";
export { type Markup, markup } from "./markup.ts";
export { documentOf } from "./page/document.ts";
export { type Column, figures, type Table, tableOf } from "./page/table.ts";
export { parseReport } from "./parse_report.ts";
export { pairsPicture } from "./picture.ts";
export type { ArmReport, Comparison, Metric, PairReport, Plan, Report, Verdict, WorkerReport } from "./report.ts";
export { reportOf } from "./report_of.ts";
export { type SummarizedModel, summaryTable } from "./summary_table.ts";
export { type Tables, tablesOf } from "./csv.ts";
export { reportHtml } from "./report_html.ts";
export { EventFiles } from "./tensorboard/event_files.ts";
export { Terminal, type TerminalOptions } from "./terminal.ts";
export { TraceFile } from "./trace/trace_file.ts";
export { describeMetric, nameTaints } from "./wording.ts";
