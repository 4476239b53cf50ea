// The cache directory, and the one way in which a file comes into it: written under a name that no other process uses,
// flushed, then renamed. A reader never meets half a file.
import { dirname, isAbsolute, join } from "node:path";
import { HerdError, messageOf } from "../shared/errors.ts";

/** HERD_CACHE_DIR, else `${XDG_CACHE_HOME:-~/.cache}/herd`. Throws HerdError "usage" if there is no home either. */
export function cacheDirectory(env: Readonly<Record<string, string | undefined>>): string {
  if (env.HERD_CACHE_DIR) return env.HERD_CACHE_DIR;
  // The XDG specification has relative paths ignored.
  if (env.XDG_CACHE_HOME && isAbsolute(env.XDG_CACHE_HOME)) return join(env.XDG_CACHE_HOME, "herd");
  const home = env.HOME || env.USERPROFILE;
  if (home) return join(home, ".cache", "herd");
  throw new HerdError("usage", "There is no home directory to keep data in: set HERD_CACHE_DIR to a directory");
}

/** What writing needs of a file; a test can stand in for it. */
export type WritableFile = Pick<Deno.FsFile, "writeSync" | "seekSync" | "syncDataSync" | "close">;

/** Makes a directory with its parents. Throws HerdError "data". */
export function makeDirectory(path: string): void {
  try {
    Deno.mkdirSync(path, { recursive: true });
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

/** Writes all of the bytes, however many calls it takes. */
export function writeAllSync(file: Pick<WritableFile, "writeSync">, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length;) {
    const written = file.writeSync(bytes.subarray(done));
    if (written === 0) throw new Error("the file takes no more bytes");
    done += written;
  }
}

/** The sentence for a write that failed: a full disk is worth its own advice. */
export function writeFailure(path: string, error: unknown): HerdError {
  const full = /no space left|disk quota|os error (28|122)\b/i.test(messageOf(error));
  const advice = full
    ? "the disk is full: free some space or set HERD_CACHE_DIR to a directory on another disk"
    : messageOf(error);
  return new HerdError("data", `Cannot write '${path}': ${advice}`, { cause: error });
}

/**
 * A file that appears under its name complete or not at all. Disposing one that was not committed removes what was
 * written. All methods throw HerdError "data" naming the final path.
 */
export class AtomicFile implements Disposable {
  readonly path: string;
  readonly #temporary: string;
  readonly #file: WritableFile;
  #open = true;

  constructor(path: string, open: (temporary: string) => WritableFile = createNew) {
    this.path = path;
    this.#temporary = `${path}.${crypto.randomUUID()}.tmp`;
    makeDirectory(dirname(path));
    this.#file = this.#wrapped(() => open(this.#temporary));
  }

  /** Appends, or overwrites from `position` on. */
  write(bytes: Uint8Array, position?: number): void {
    this.#wrapped(() => {
      if (position !== undefined) this.#file.seekSync(position, Deno.SeekMode.Start);
      writeAllSync(this.#file, bytes);
    });
  }

  /** Flushes to the disk and gives the file its name. */
  commit(): void {
    this.#wrapped(() => {
      this.#file.syncDataSync();
      this.#close();
      Deno.renameSync(this.#temporary, this.path);
    });
  }

  [Symbol.dispose](): void {
    if (!this.#open) return;
    this.#close();
    removeIfThere(this.#temporary);
  }

  #close(): void {
    this.#open = false;
    this.#file.close();
  }

  #wrapped<T>(action: () => T): T {
    try {
      return action();
    } catch (error) {
      throw writeFailure(this.path, error);
    }
  }
}

function createNew(path: string): Deno.FsFile {
  return Deno.openSync(path, { write: true, createNew: true });
}
