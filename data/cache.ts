// The cache directory, and what is done to files in it. What goes wrong with them is said in sentences.
import { isAbsolute, join } from "node:path";
import { HerdError, messageOf } from "../shared/errors.ts";
import { PRIVATE_FOLDER } from "../shared/private.ts";

/**
 * Where Herd keeps data: HERD_CACHE_DIR, else `${XDG_CACHE_HOME:-~/.cache}/herd`. The folder need not be there.
 * @param env environment variables
 * @throws {HerdError} usage, if there is no home directory either
 */
export function cacheDirectory(env: Readonly<Record<string, string | undefined>>): string {
  if (env.HERD_CACHE_DIR) return env.HERD_CACHE_DIR;
  // The XDG specification has relative paths ignored.
  if (env.XDG_CACHE_HOME && isAbsolute(env.XDG_CACHE_HOME)) return join(env.XDG_CACHE_HOME, "herd");
  const home = env.HOME || env.USERPROFILE;
  if (home) return join(home, ".cache", "herd");
  throw new HerdError("usage", "There is no home directory to keep data in: set HERD_CACHE_DIR to a directory");
}

/** The file of the tiles that were tuned for this machine's GPU (worker/webgpu), in the cache directory. It need not be there. */
export function tilesFileIn(cacheDir: string): string {
  return join(cacheDir, "webgpu-tiles.json");
}

/** Makes a directory with its parents. Throws HerdError "data". */
export function makeDirectory(path: string): void {
  try {
    Deno.mkdirSync(path, { recursive: true, mode: PRIVATE_FOLDER });
  } catch (error) {
    throw writeFailure(path, error);
  }
}

/** Removes a file that may be absent. Throws HerdError "data". */
export function removeIfThere(path: string): void {
  try {
    Deno.removeSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw writeFailure(path, error);
  }
}

/** Whether there is a file, or anything, under a path. Throws HerdError "data" if that cannot be told. */
export function isThere(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return false;
    throw new HerdError("data", `Cannot look for '${path}': ${messageOf(error)}`, { cause: error });
  }
}

/** Whether an open file still has this path. */
export function isSameFile(file: Pick<Deno.FsFile, "statSync">, path: string): boolean {
  return isThere(path) && file.statSync().ino === Deno.statSync(path).ino;
}

/** The sentence for a write that failed: a full disk is worth its own advice. */
export function writeFailure(path: string, error: unknown): HerdError {
  if (error instanceof HerdError) return error;
  const full = /no space left|disk quota|os error (28|122)\b/i.test(messageOf(error));
  const why = full
    ? `Cannot write '${path}': the disk is full: free some space or set HERD_CACHE_DIR to a directory on another disk`
    : `Cannot write '${path}' (${messageOf(error)}): set HERD_CACHE_DIR to a directory that can be written`;
  return new HerdError("data", why, { cause: error });
}

/**
 * Tries to lock an open file. Shared locks say that it is in use, the exclusive one that it is being written or removed. The
 * system takes a lock away when its process ends, however it ends.
 * @param ifUnknown what to return where the system knows no locks
 */
export function tryLock(file: Pick<Deno.FsFile, "tryLockSync">, exclusive: boolean, ifUnknown: boolean): boolean {
  try {
    return file.tryLockSync(exclusive);
  } catch {
    return ifUnknown;
  }
}

/** Notes that a file is used now: those that were not used for longest are the first to be removed. */
export function touch(path: string): void {
  try {
    const now = new Date();
    Deno.utimeSync(path, now, now); // systems seldom note the reading of a file
  } catch {
    // A cache that cannot be written cannot be cleaned either.
  }
}
