// A folder for what is needed only for a while.
import { HerdError, messageOf } from "../../shared/errors.ts";

/**
 * Does work with a folder that is removed afterwards.
 * @throws {HerdError} data, if it cannot be made; what the work throws
 */
export async function withTemporaryFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await temporaryFolder();
  try {
    return await work(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function temporaryFolder(): Promise<string> {
  try {
    return await Deno.makeTempDir({ prefix: "herd-" });
  } catch (cause) {
    const remedy = "set TMPDIR to a directory that can be written";
    throw new HerdError("data", `Cannot make a temporary folder (${messageOf(cause)}): ${remedy}`, { cause });
  }
}
