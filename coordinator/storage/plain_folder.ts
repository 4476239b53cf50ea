// A run's folder that somebody else may have made: what is a link there would lead a run to write elsewhere, and what is
// neither file nor folder may never answer.
import { join } from "node:path";
import { HerdError } from "../../shared/errors.ts";

/**
 * Refuses a folder that holds more than files and folders; one that cannot be read, others refuse.
 * @throws {HerdError} data, naming what else is there
 */
export async function refuseLinks(folder: string): Promise<void> {
  for (const { name, isFile, isDirectory } of await entriesOf(folder)) {
    const path = join(folder, name);
    if (isDirectory) await refuseLinks(path);
    else if (!isFile) {
      const why = "is neither a file nor a folder, and a run writes there";
      throw new HerdError("data", `${path} ${why}: put what it stands for in its place, or go on in a copy without it`);
    }
  }
}

async function entriesOf(folder: string): Promise<Deno.DirEntry[]> {
  try {
    return await Array.fromAsync(Deno.readDir(folder));
  } catch {
    return [];
  }
}
