// What `report` needs of the folders that runs have left.
import { join } from "node:path";
import { writeAtomically } from "../../shared/atomic_file.ts";
import { HerdError, messageOf } from "../../shared/errors.ts";
import { readBoundedText } from "./bounded_text.ts";

/**
 * The folder of the newest run in a folder of runs: the one whose report.json or config.json was written last.
 * @throws {HerdError} usage, if there is none; data, if the folder cannot be read
 */
export async function newestRun(runs: string): Promise<string> {
  let newest = { path: "", time: -Infinity };
  for (const name of await foldersIn(runs)) {
    const path = join(runs, name);
    const time = Math.max(await timeOf(join(path, "report.json")), await timeOf(join(path, "config.json")));
    if (time > newest.time) newest = { path, time };
  }
  if (newest.path === "") throw new HerdError("usage", `There is no run in ${runs}: give the folder of one`);
  return newest.path;
}

/**
 * The text of a run's report.json.
 * @param folder the run's
 * @throws {HerdError} data, if it cannot be read
 */
export async function readReportText(folder: string): Promise<string> {
  const path = join(folder, "report.json");
  try {
    return await readBoundedText(path, "a report");
  } catch (cause) {
    throw new HerdError("data", `Cannot read ${path} (${messageOf(cause)}): give the folder of a run`, { cause });
  }
}

/**
 * Draws a run's report.html anew.
 * @param folder the run's
 * @param html the whole page
 * @returns the file's path
 * @throws {HerdError} data, if it cannot be written
 */
export async function writeReportPage(folder: string, html: string): Promise<string> {
  const path = join(folder, "report.html");
  await replaceFile(path, html);
  return path;
}

/**
 * Writes a picture of a run, wherever it was wanted.
 * @param svg the whole file
 * @throws {HerdError} data, if it cannot be written
 */
export async function writePicture(path: string, svg: string): Promise<void> {
  await replaceFile(path, svg);
}

async function replaceFile(path: string, text: string): Promise<void> {
  try {
    await writeAtomically(path, text);
  } catch (cause) {
    throw new HerdError("data", `Cannot write ${path} (${messageOf(cause)}): make it writable`, { cause });
  }
}

async function foldersIn(folder: string): Promise<string[]> {
  try {
    return (await Array.fromAsync(Deno.readDir(folder))).filter((entry) => entry.isDirectory).map(({ name }) => name);
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) return [];
    throw new HerdError("data", `Cannot read ${folder} (${messageOf(cause)}): make it readable`, { cause });
  }
}

/** When a file was last written, in milliseconds since 1970; −∞ for one that cannot be seen. */
async function timeOf(path: string): Promise<number> {
  try {
    return (await Deno.stat(path)).mtime?.getTime() ?? -Infinity;
  } catch {
    return -Infinity;
  }
}
