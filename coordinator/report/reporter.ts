// What a run tells while it runs; terminal.ts and json_lines.ts say it to people and to programs.
import type { DataProgress, DatasetInfo } from "../../data/mod.ts";
import type { ModelSpec } from "../../shared/model.ts";
import type { ArmName, EpochRecord, Position, WorkerInfo } from "../events/mod.ts";
import type { Report } from "./report.ts";
import type { StepProgress } from "../experiment/mod.ts";

/** The fixed facts of a run, once they are known. */
export interface RunFacts {
  readonly modelName: string;
  readonly model: ModelSpec;
  readonly arms: readonly ArmName[];
  readonly epochs: number;
  readonly trainImages: number;
  readonly testImages: number;
  readonly initialWeightsSha256: string;
  readonly folder: string;
  /** Epochs finished already, of all arms: not 0 in a resumed run. */
  readonly finishedEpochs: number;
  /** Where a resumed run goes on. */
  readonly resumedAt: Position | undefined;
}

/** Hears what happens. Every method is called in the order of events. */
export interface Reporter {
  /** A line that people should not miss. */
  notice(text: string): void;
  /** A line for the curious. */
  detail(text: string): void;
  dataProgress(progress: DataProgress): void;
  dataset(info: DatasetInfo, used: { readonly limit: number | null; readonly fallback: boolean }): void;
  started(facts: RunFacts): void;
  member(what: "joined" | "ready" | "lost", member: WorkerInfo, reason?: string): void;
  step(progress: StepProgress & { readonly arm: ArmName }): void;
  epoch(arm: ArmName, record: EpochRecord): void;
  finished(report: Report, folder: string): void;
}

/** Tells nobody anything: what a program overrides that wants to hear of little. */
export const silentReporter: Reporter = {
  notice() {},
  detail() {},
  dataProgress() {},
  dataset() {},
  started() {},
  member() {},
  step() {},
  epoch() {},
  finished() {},
};
