// What a person needs to know of a run that is broken off: where it stands, and how to go on with it.
import { shellWord, toGiveAgain } from "../../shared/cli/stored_flags.ts";
import { HerdError } from "../../shared/errors.ts";
import { describePosition } from "../events/mod.ts";
import type { Recorder } from "../storage/mod.ts";
import { type Settings, trainFlags } from "./settings.ts";

/** Whether a scheduler that starts the run again may get further: not after usage, data or divergence. */
export function mayGoOn(error: unknown): boolean {
  return !(error instanceof HerdError) || error.code === "cluster" || error.code === "interrupted";
}

/** An error with where the run stands and how to go on; divergence would only come again, and a bug is a bug. */
export function withWayOn(
  error: unknown,
  { position, isSafe, saved }: Pick<Recorder, "position" | "isSafe" | "saved">,
  { folder, seeds, settings, isOfProgram }: {
    readonly folder: string;
    readonly seeds: readonly number[];
    readonly settings: Settings;
    /** Whether a program has made the images: no command line can give them. */
    readonly isOfProgram: boolean;
  },
): unknown {
  if (!(error instanceof HerdError) || error.code === "divergence") return error;
  const { code, message } = error;
  const where = saved === undefined
    ? " before the first checkpoint"
    : ` at ${describePosition(position, seeds)}${isSafe ? "" : ` (the last checkpoint is of ${saved})`}`;
  const [first, ...log] = message.split("\n"); // the end of a worker's log follows the sentence
  const what = code === "interrupted" ? `${first}${where}` : `${first}; the run ended${where}`;
  const way = isOfProgram ? `train({ resume: ${JSON.stringify(folder)}, data })` : commandFor(folder, settings);
  const lines = [`${what}: go on with: ${way}`, ...log];
  return new HerdError(code, lines.join("\n"), { cause: error });
}

/** With all that the folder's config is not trusted with. */
function commandFor(folder: string, settings: Settings): string {
  const again = toGiveAgain(trainFlags, settings);
  return `deno task train --resume ${shellWord(folder)}${again === "" ? "" : ` ${again}`}`;
}
