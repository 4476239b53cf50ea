// The folder in the cache of what the workers behind a relay print. A lock in it says that the relay is at work.
import { join } from "node:path";
import { PRIVATE_FILE } from "../shared/private.ts";
import { makeDirectory, tryLock, writeFailure } from "./cache.ts";

/** A folder of logs, which nobody removes from the cache until it is disposed of. */
export interface LogFolder extends Disposable {
  /** Where it is. */
  readonly path: string;
}

/**
 * Makes the folder of a relay's logs.
 * @param cacheDir Herd's cache folder, made if it is missing
 * @param name the run's id of 16 hexadecimal digits, a dash, and what the relay is called there
 * @throws {HerdError} data, if it cannot be made
 */
export function openLogFolder(cacheDir: string, name: string): LogFolder {
  const path = join(cacheDir, "relays", name);
  makeDirectory(path);
  try {
    const lock = openLock(path);
    tryLock(lock, false, true);
    return { path, [Symbol.dispose]: () => lock.close() };
  } catch (error) {
    throw writeFailure(path, error);
  }
}

/** The file whose lock is the folder's. */
export function openLock(folder: string): Deno.FsFile {
  return Deno.openSync(join(folder, "lock"), { read: true, write: true, create: true, mode: PRIVATE_FILE });
}
