// What the files of checkpoints are called: `gc-0.000012.safetensors` is the twelfth of a run, and of the training gc-0.
import { join } from "node:path";
import { HerdError } from "../../shared/errors.ts";
import { type RunKey, runName } from "../events/mod.ts";

/** The format of the files, which they name in their metadata. */
export const FORMAT = "herd-checkpoint-4";

const NUMBERED = /^(.+)\.(\d{6,})\.safetensors$/;
const TEMPORARY = /\.part$/;
/** A file of the format before, which held all trainings. */
const OLD = /^\d{6,}\.safetensors$/;

/** The name of a checkpoint. Numbers rise over all trainings of a run. */
export function checkpointName(key: RunKey, number: number): string {
  return `${runName(key)}.${String(number).padStart(6, "0")}.safetensors`;
}

/** The number in a checkpoint's name; 0 for another file. */
export function numberOf(name: string): number {
  return Number(NUMBERED.exec(name)?.[2] ?? 0);
}

/** Whether a name is that of a checkpoint of this training. */
export function isCheckpointOf(key: RunKey, name: string): boolean {
  return NUMBERED.exec(name)?.[1] === runName(key);
}

/** Whether a name is that of a file that was not written to its end. */
export function isTemporary(name: string): boolean {
  return TEMPORARY.test(name);
}

/**
 * Refuses the checkpoints of an earlier version of Herd, which cannot be gone on from.
 * @param names what there is in their folder
 * @throws {HerdError} data, if there is one among them
 */
export function refuseOldCheckpoints(folder: string, names: readonly string[]): void {
  const old = names.filter((name) => OLD.test(name)).sort().at(-1);
  if (old === undefined) return;
  const formats = `a checkpoint of the format herd-checkpoint-1, and this version of Herd reads ${FORMAT}`;
  const wayOut = "go on with the version that wrote it, or begin the run anew with another --out";
  throw new HerdError("data", `${join(folder, old)} is ${formats}: ${wayOut}`);
}
