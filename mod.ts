/**
 * Herd as a library: {@linkcode train} runs a paired experiment on a program's own data, on worker processes of this machine or
 * of others, and resolves to what the experiment allows to say. README's "As a library" has two programs.
 *
 * @module
 */
import denoJson from "./deno.json" with { type: "json" };
import { type Report, trainerOf, type TrainOptions } from "./coordinator/mod.ts";
import { parts } from "./parts.ts";

export type {
  ArmName,
  ArmReport,
  Comparison,
  EpochRecord,
  Metric,
  PairReport,
  Plan,
  Report,
  RunEvent,
  RunKey,
  TimedEvent,
  TrainOptions,
  Verdict,
  WorkerReport,
} from "./coordinator/mod.ts";
export type { MadeImage, MadeImages } from "./data/mod.ts";
export { type ErrorCode, HerdError } from "./shared/errors.ts";

const runTrain = trainerOf({ ...parts, version: denoJson.version });

/**
 * Trains the arms and compares them, as `deno task train` does, and prints nothing. It leaves a folder as the command does,
 * under runs/ where nothing else is said. One run at a time in a process is meant; the program needs all permissions (-A).
 * @returns what report.json says
 * @throws {HerdError} as the command, in the same sentences: usage, for an option that is unknown, bad or contradicts another;
 * data; cluster; divergence; interrupted, when the signal aborts. And what `onEvent` or the program's images throw.
 */
export function train(options: TrainOptions = {}): Promise<Report> {
  return runTrain(options);
}
