// A file of the cache that is being written: under another name, and locked, so that one process alone writes it, the others
// wait for its end, and what a killed process has left is known to be nobody's.
import { dirname } from "node:path";
import { commit, partPath, writeAll } from "../shared/atomic_file.ts";
import { HerdError } from "../shared/errors.ts";
import { PRIVATE_FILE } from "../shared/private.ts";
import { isSameFile, makeDirectory, removeIfThere, tryLock, writeFailure } from "./cache.ts";

/** Pause between two looks at a file that another process is writing, in milliseconds. */
const LOOK_MS = 200;
/** Longer than any download or image takes to go on. */
const PATIENCE = 10 * 60_000 / LOOK_MS;

/** What writing needs of an open file; a test can stand in for it. */
export type PartHandle = Pick<
  Deno.FsFile,
  "write" | "seekSync" | "truncateSync" | "sync" | "statSync" | "tryLockSync" | "close"
>;

export interface PartOptions {
  /** Whether what is unfinished stays, for the next try to go on from there; otherwise it is removed. */
  readonly keep?: boolean;
  readonly signal?: AbortSignal | undefined;
  readonly onNotice?: ((text: string) => void) | undefined;
  /** Only tests give others. */
  readonly internals?: { open?(path: string): PartHandle; readonly patience?: number };
}

/** All methods throw HerdError "data" naming the final path. */
export class PartFile implements Disposable {
  /** The name that the file is to have. */
  readonly path: string;
  readonly #file: PartHandle;
  readonly #keep: boolean;
  #size: number;
  #open = true;

  private constructor(path: string, file: PartHandle, keep: boolean) {
    this.path = path;
    this.#file = file;
    this.#keep = keep;
    this.#size = file.statSync().size;
    if (!keep) this.empty();
  }

  /**
   * Opens what is to become `path`, in a directory that is made if needed. Waits as long as another process writes it and goes
   * on with it.
   */
  static async openAlone(path: string, options: PartOptions = {}): Promise<PartFile> {
    const { keep = false, signal, onNotice, internals: { open = openForWriting, patience = PATIENCE } = {} } = options;
    makeDirectory(dirname(path));
    let seen = -1;
    for (let [turn, looks] = [0, 0];; turn++, looks++) {
      const opened = PartFile.#tryOpen(path, open, keep);
      if (opened instanceof PartFile) return opened;
      if (turn === 0) onNotice?.(`Another process is making '${path}': waiting for it`);
      if (opened.size !== seen) [seen, looks] = [opened.size, 0];
      if (looks >= patience) {
        throw new HerdError("data", `Another process is making '${path}' but does not go on: end it and run again`);
      }
      await delay(LOOK_MS, signal);
    }
  }

  /** The file, or its size if another process has it. */
  static #tryOpen(path: string, open: (path: string) => PartHandle, keep: boolean): PartFile | { size: number } {
    let file: PartHandle | undefined;
    try {
      file = open(partPath(path));
      // The other process may have renamed or removed the file between our opening and our locking it.
      if (tryLock(file, true, true) && isSameFile(file, partPath(path))) return new PartFile(path, file, keep);
      const { size } = file.statSync();
      file.close();
      return { size };
    } catch (error) {
      file?.close();
      throw writeFailure(path, error);
    }
  }

  get size(): number {
    return this.#size;
  }

  /** Appends, or overwrites from `position` on. */
  async write(bytes: Uint8Array, position: number = this.#size): Promise<void> {
    await this.#writing(async () => {
      this.#file.seekSync(position, Deno.SeekMode.Start);
      await writeAll(this.#file, bytes);
    });
    this.#size = Math.max(this.#size, position + bytes.length);
  }

  /** Starts again. */
  empty(): void {
    try {
      this.#file.truncateSync(0);
    } catch (error) {
      throw writeFailure(this.path, error);
    }
    this.#size = 0;
  }

  /** Puts the file on the disk and gives it its name. */
  async commit(): Promise<void> {
    await this.#writing(() => commit(this.#file, this.path));
    this.#close();
  }

  /** Removes what is there of it. */
  discard(): void {
    removeIfThere(partPath(this.path));
    this.#close();
  }

  /** Ends the lock. */
  [Symbol.dispose](): void {
    if (!this.#open) return;
    try {
      // While it is locked: afterwards it may be another process's.
      if (!this.#keep) removeIfThere(partPath(this.path));
    } catch {
      // What went wrong before matters more.
    }
    this.#close();
  }

  #close(): void {
    this.#open = false;
    this.#file.close();
  }

  async #writing(action: () => Promise<void>): Promise<void> {
    try {
      await action();
    } catch (error) {
      throw writeFailure(this.path, error);
    }
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
  return Deno.openSync(path, { write: true, create: true, mode: PRIVATE_FILE });
}
