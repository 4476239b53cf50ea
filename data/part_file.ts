// The unfinished file of a download: locked while one process writes it, kept when the download breaks off.
import { createHash } from "node:crypto";
import { HerdError, messageOf } from "../shared/errors.ts";
import { writeAllSync, writeFailure } from "./cache.ts";

/** Pause between two looks at a lock that another process holds, in milliseconds. */
const LOCK_PAUSE = 200;
const READ_BYTES = 1 << 20;

export interface LockOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onNotice?: ((text: string) => void) | undefined;
}

export class PartFile implements Disposable {
  readonly path: string;
  readonly #file: Deno.FsFile;
  #size: number;

  private constructor(path: string, file: Deno.FsFile) {
    this.path = path;
    this.#file = file;
    this.#size = file.statSync().size;
  }

  /** Opens `path`.part, making it if needed, and waits until no other process writes it. Throws HerdError "data". */
  static async openAlone(path: string, { signal, onNotice }: LockOptions): Promise<PartFile> {
    const partPath = `${path}.part`;
    for (let turn = 0;; turn++) {
      const file = openForWriting(partPath);
      try {
        // The other process may have renamed or removed the file between our opening and our locking it.
        if (file.tryLockSync(true) && isSameFile(file, partPath)) return new PartFile(partPath, file);
      } catch (error) {
        file.close();
        throw writeFailure(partPath, error);
      }
      file.close();
      if (turn === 0) onNotice?.(`Another process is downloading '${path}': waiting for it`);
      await delay(LOCK_PAUSE, signal);
    }
  }

  get size(): number {
    return this.#size;
  }

  append(bytes: Uint8Array): void {
    this.#writing(() => {
      this.#file.seekSync(this.#size, Deno.SeekMode.Start);
      writeAllSync(this.#file, bytes);
    });
    this.#size += bytes.length;
  }

  /** Starts again. */
  empty(): void {
    this.#writing(() => this.#file.truncateSync(0));
    this.#size = 0;
  }

  /** Flushes to the disk and gives the file its final name. */
  commit(path: string): void {
    this.#writing(() => {
      this.#file.syncDataSync();
      Deno.renameSync(this.path, path);
    });
  }

  /** Closes the file, which also ends the lock. */
  [Symbol.dispose](): void {
    this.#file.close();
  }

  #writing(action: () => void): void {
    try {
      action();
    } catch (error) {
      throw writeFailure(this.path, error);
    }
  }
}

/** The SHA-256 of a file, in hexadecimal. */
export function hashOf(path: string): string {
  using file = Deno.openSync(path, { read: true });
  const hash = createHash("sha256");
  const buffer = new Uint8Array(READ_BYTES);
  for (let read = file.readSync(buffer); read !== null; read = file.readSync(buffer)) {
    hash.update(buffer.subarray(0, read));
  }
  return hash.digest("hex");
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

/** Waits; rejects with the signal's reason when aborted. */
export function delay(milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    if (signal?.aborted) return reject(signal.reason);
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, milliseconds);
    signal?.addEventListener("abort", stop, { once: true });
  });
}

function openForWriting(path: string): Deno.FsFile {
  try {
    return Deno.openSync(path, { write: true, create: true });
  } catch (error) {
    throw writeFailure(path, error);
  }
}

function isSameFile(file: Deno.FsFile, path: string): boolean {
  return isThere(path) && file.statSync().ino === Deno.statSync(path).ino;
}
