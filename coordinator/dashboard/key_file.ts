// The key that a user's dashboards know their cookies by. It lies in his cache, not in the run's folder: that may be somebody
// else's, who would then know how to let himself in.
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { writeAtomically } from "../../shared/atomic_file.ts";
import { PRIVATE_FOLDER } from "../../shared/private.ts";

const BYTES = 32;
/** What a file's mode lets its group and others do; Windows has no such thing. */
const OTHERS = 0o077;

/**
 * The key in a cache folder; made if it is not there, or if others could know it. Where it cannot be kept, one is made for this
 * process alone: its cookies are of no use to the next one.
 */
export async function dashboardKey(cacheDir: string): Promise<Uint8Array> {
  const path = join(cacheDir, "dashboard.key");
  const kept = await readKey(path).catch(() => undefined);
  if (kept !== undefined) return kept;
  const key = new Uint8Array(randomBytes(BYTES));
  try {
    await Deno.mkdir(cacheDir, { recursive: true, mode: PRIVATE_FOLDER });
    await writeAtomically(path, key);
  } catch {
    // The dashboard works without.
  }
  return key;
}

async function readKey(path: string): Promise<Uint8Array | undefined> {
  const { isFile, mode, uid, size } = await Deno.lstat(path);
  if (!isFile || size !== BYTES || ((mode ?? 0) & OTHERS) !== 0) return undefined;
  if (uid !== null && uid !== Deno.uid()) return undefined;
  return await Deno.readFile(path);
}
