// train() for programs: its options are read as the command line's flags are, so that they mean the same and are refused in the
// same sentences. Nothing is printed.
import { camelCase, type Flag, type Flags, parseFlags } from "../../shared/cli/flags.ts";
import { HerdError } from "../../shared/errors.ts";
import { homeOf } from "../../shared/worker_process.ts";
import { EventBus } from "../events/mod.ts";
import type { Report } from "../report/mod.ts";
import { resumedSettings } from "./resume.ts";
import { runTraining } from "./run.ts";
import type { TrainParts } from "./run_options.ts";
import { trainFlags } from "./settings.ts";
import { runOptions, sayIfIdle } from "./train.ts";
import type { TrainOptions } from "./train_options.ts";

/** Flags that say how the command prints. */
const PRINTING = ["dashboard", "no-dashboard", "quiet", "json", "verbose", "version", "help"];
/** What --data is then, in what the run leaves: nothing that could be taken for a data set. */
const MADE = "images-of-a-program";
/** What an asynchronous `onEvent` gets to hear what it still has to hear. */
const SETTLE_MS = 5_000;

/** What a program's run is made from, besides its options. */
export interface LibraryParts extends TrainParts {
  /** The version of Herd. */
  readonly version: string;
}

/** train() of what it needs of the workers' side. */
export function trainerOf({ version, ...parts }: LibraryParts): (options?: TrainOptions) => Promise<Report> {
  return async ({ data, signal, onEvent = () => {}, ...told } = {}) => {
    const images = typeof data === "object" ? data : undefined;
    const given = parseFlags(trainFlags, argsOf({ ...told, data: images === undefined ? data : MADE }));
    homeOf(parts.workerEntry); // before anything is fetched
    const bus = new EventBus();
    const ending = new AbortController();
    const end = () => ending.abort(new HerdError("interrupted", "The run was ended", { cause: signal?.reason }));
    using heard = bus.subscribe("onEvent", async (event) => {
      try {
        await onEvent(event);
      } catch (error) {
        ending.abort(error);
      }
    });
    signal?.addEventListener("abort", end);
    try {
      if (signal?.aborted) end();
      ending.signal.throwIfAborted();
      const { settings, notTaken } = given.values.resume === undefined
        ? { settings: given.values, notTaken: "" }
        : await resumedSettings(given.values.resume, given);
      if (notTaken !== "") bus.emit({ type: "notice", text: notTaken });
      const surroundings = { environment: Deno.env.toObject(), version };
      const options = await runOptions(settings, { parts, surroundings, given: given.given });
      sayIfIdle(bus, settings, options.launcher.count);
      const report = await runTraining({ ...options, images }, bus, ending.signal);
      await heard.settle(SETTLE_MS);
      ending.signal.throwIfAborted();
      return report;
    } finally {
      signal?.removeEventListener("abort", end);
    }
  };
}

/** Options as a command line has them; what is undefined is left out. @throws {HerdError} usage, for a bad one */
function argsOf(options: Readonly<Record<string, unknown>>): string[] {
  return Object.entries(options).flatMap(([name, value]) => {
    if (value === undefined) return [];
    const flag = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    const known = (trainFlags as Flags)[flag];
    if (PRINTING.includes(flag)) throw new HerdError("usage", `train() prints nothing: it has no option ${name}`);
    return isToggle(known) ? toggleArgs(flag, value) : [`--${flag}=${Array.isArray(value) ? value.join(",") : value}`];
  });
}

function isToggle(flag: Flag<unknown> | undefined): boolean {
  return flag !== undefined && flag.value === null;
}

function toggleArgs(flag: string, value: unknown): string[] {
  if (typeof value === "boolean") return value ? [`--${flag}`] : [];
  throw new HerdError("usage", `--${flag} is there or not: give ${camelCase(flag)} true or false, not "${value}"`);
}
