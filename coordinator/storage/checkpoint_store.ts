// The folder of a run's checkpoints: one training a file, the last two good files of each. A file gets its name when it is
// safely on the disk, so that whatever ends the process leaves whole checkpoints.
import { join } from "node:path";
import { HerdError, messageOf } from "../../shared/errors.ts";
import { writeAtomically } from "../../shared/atomic_file.ts";
import { PRIVATE_FOLDER } from "../../shared/private.ts";
import { type RunKey, runName } from "../events/mod.ts";
import { checkpointName, isCheckpointOf, isTemporary, numberOf, refuseOldCheckpoints } from "./checkpoint_names.ts";

/** What a store does with files. */
export interface CheckpointFiles {
  /** The names in a folder, which is made if it is missing. */
  list(folder: string): Promise<string[]>;
  /** A whole file. */
  read(path: string): Promise<Uint8Array>;
  /** The file has its name when it is whole; resolves when it is safely on the disk. What is unfinished ends in ".part". */
  write(path: string, bytes: Uint8Array): Promise<void>;
  /** Takes a file away. */
  remove(path: string): Promise<void>;
}

/** The real ones. */
export const diskFiles: CheckpointFiles = {
  async list(folder) {
    await Deno.mkdir(folder, { recursive: true, mode: PRIVATE_FOLDER });
    return (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name);
  },
  read: (path) => Deno.readFile(path),
  write: writeAtomically,
  remove: (path) => Deno.remove(path),
};

/** Checkpoints kept of a training: the newest, and one more in case that it is damaged. */
const KEPT = 2;
/** So many workers' comings may have a checkpoint from before them kept. */
const MOST_PINS = 8;

/** A checkpoint that is to be written. */
export interface PendingCheckpoint {
  /** The training that it is of. */
  readonly key: RunKey;
  /** Where the training stands, for people. */
  readonly description: string;
  /** The file's bytes: a copy of the training as it is when this is called. */
  encode(): Uint8Array;
  /** Called when the file is safely on the disk. */
  onSafe(): void;
}

/** A checkpoint that can be used. */
interface Loaded<T> {
  readonly key: RunKey;
  readonly number: number;
  readonly value: T;
}

/** Reads and writes the checkpoints of one run. */
export class CheckpointStore {
  readonly #folder: string;
  readonly #notice: (text: string) => void;
  readonly #files: CheckpointFiles;
  /** Names of files that cannot be used. */
  readonly #bad = new Set<string>();
  /** What the newest good checkpoint of each training is of, by the training's name. */
  readonly #stands = new Map<string, string>();
  #newest: string | undefined;
  /** Of all checkpoints. */
  #newestNumber = 0;
  /** Numbers of checkpoints; of every training the newest one up to each of them is kept. */
  readonly #pins = new Set<number>();
  #failing = false;
  #writing: Promise<void> = Promise.resolve();

  /**
   * Opens a store; nothing is read yet.
   * @param folder made if it is missing
   * @param onNotice hears of files that cannot be used or written
   * @param files by default those of the disk
   */
  constructor(folder: string, onNotice: (text: string) => void, files: CheckpointFiles = diskFiles) {
    this.#folder = folder;
    this.#notice = onNotice;
    this.#files = files;
  }

  /** What the newest good checkpoint of the run is of, as its writer or reader describes it; undefined if there is none. */
  get newest(): string | undefined {
    return this.#newest;
  }

  /**
   * What is on the disk now of every training is kept, for the time being: at most eight such states are.
   * @returns whether there is room for more of them
   */
  pin(): boolean {
    if (this.#newestNumber > 0 && this.#pins.size < MOST_PINS) this.#pins.add(this.#newestNumber);
    return this.#pins.size < MOST_PINS;
  }

  /**
   * Goes back: takes away every checkpoint that is not wanted, if there is one that is.
   * @param isWanted is asked of each one that can be read
   * @returns whether there is one
   */
  async goBack<T>(
    keys: readonly RunKey[],
    decode: (bytes: Uint8Array, key: RunKey) => T,
    isWanted: (value: T) => boolean,
  ): Promise<boolean> {
    const names = await this.#files.list(this.#folder);
    const unwanted: string[] = [];
    let wanted = 0;
    for (const key of keys) {
      for (const name of names.filter((name) => isCheckpointOf(key, name))) {
        const read = await this.#read(name, (bytes) => decode(bytes, key));
        if ("reason" in read) continue;
        if (isWanted(read.value)) wanted++;
        else unwanted.push(name);
      }
    }
    if (wanted === 0) return false;
    // The newest goes last: as long as it is there, it says that there is something to take away.
    for (const name of unwanted.sort((a, b) => numberOf(a) - numberOf(b))) {
      const path = join(this.#folder, name);
      try {
        await this.#files.remove(path);
      } catch (cause) {
        const why = `Cannot go back, since ${path} cannot be removed (${messageOf(cause)})`;
        throw new HerdError("data", `${why}: make its folder writable`, { cause });
      }
    }
    return true;
  }

  /**
   * The newest checkpoint of each training that can be used; the newest of all comes last.
   * @param decode throws a HerdError for bytes that cannot be used
   * @throws {HerdError} data, if the folder cannot be made or read, if a training has checkpoints but none can be used, or if
   * there are such of an older format
   */
  async load<T>(
    keys: readonly RunKey[],
    decode: (bytes: Uint8Array, key: RunKey) => T,
    describe: (value: T) => string,
  ): Promise<T[]> {
    const names = await this.#list();
    refuseOldCheckpoints(this.#folder, names);
    const found: Loaded<T>[] = [];
    for (const key of keys) {
      const own = names.filter((name) => isCheckpointOf(key, name)).sort((a, b) => numberOf(b) - numberOf(a));
      if (own.length > 0) found.push(await this.#newestOf(key, own, decode));
      // What an earlier process has kept besides stays.
      for (const name of own.slice(KEPT)) if (this.#pins.size < MOST_PINS) this.#pins.add(numberOf(name));
    }
    found.sort((a, b) => a.number - b.number);
    for (const { key, value, number } of found) this.#stand(key, describe(value), number);
    return found.map(({ value }) => value);
  }

  /**
   * Waits for the write before, then starts to write a checkpoint, and does not wait for its end. A write that fails is told
   * once, and the older checkpoints stay.
   */
  async write(pending: PendingCheckpoint): Promise<void> {
    const before = this.#writing;
    this.#writing = before.then(() => this.#write(pending));
    await before;
  }

  /** Resolves when nothing is being written any more. */
  async idle(): Promise<void> {
    await this.#writing;
  }

  /** @param names of the training's files, the newest first */
  async #newestOf<T>(
    key: RunKey,
    names: readonly string[],
    decode: (bytes: Uint8Array, key: RunKey) => T,
  ): Promise<Loaded<T>> {
    const reasons: string[] = [];
    for (const name of names) {
      const read = await this.#read(name, (bytes) => decode(bytes, key));
      if ("value" in read) {
        for (const reason of reasons) this.#notice(`Checkpoint ${reason}; ${name} is taken`);
        return { key, number: numberOf(name), value: read.value };
      }
      reasons.push(`${name} cannot be used: ${read.reason}`);
      this.#bad.add(name);
    }
    const what = `No checkpoint of ${runName(key)} in ${this.#folder} can be used: ${reasons.join("; ")}`;
    throw new HerdError("data", `${what}: restore one, or remove them to begin ${runName(key)} anew`);
  }

  async #list(): Promise<string[]> {
    try {
      return await this.#files.list(this.#folder);
    } catch (cause) {
      const what = `Cannot read the checkpoints in ${this.#folder} (${messageOf(cause)})`;
      throw new HerdError("data", `${what}: make it a folder that can be read and written`, { cause });
    }
  }

  async #read<T>(name: string, decode: (bytes: Uint8Array) => T): Promise<{ value: T } | { reason: string }> {
    let bytes: Uint8Array;
    try {
      bytes = await this.#files.read(join(this.#folder, name));
    } catch (error) {
      return { reason: messageOf(error) };
    }
    try {
      return { value: decode(bytes) };
    } catch (error) {
      if (error instanceof HerdError) return { reason: error.message };
      throw error;
    }
  }

  async #write({ key, description, encode, onSafe }: PendingCheckpoint): Promise<void> {
    try {
      const bytes = encode(); // before anything is awaited
      const number = Math.max(0, ...(await this.#files.list(this.#folder)).map(numberOf)) + 1;
      await this.#files.write(join(this.#folder, checkpointName(key, number)), bytes);
      this.#bad.delete(checkpointName(key, number));
      this.#stand(key, description, number);
      if (this.#failing) this.#notice(`Checkpoints can be written again: the newest is of ${description}`);
      this.#failing = false;
    } catch (error) {
      const stands = this.#stands.get(runName(key));
      const older = stands === undefined ? `there is none yet of ${runName(key)}` : `the one of ${stands} stays`;
      if (!this.#failing) {
        this.#notice(`Cannot write a checkpoint (${messageOf(error)}): the run goes on, and ${older}`);
      }
      this.#failing = true;
      return;
    }
    onSafe();
    await this.#prune(key).catch(() => {}); // the next write tries again
  }

  /** Removes a training's files but the last good ones, and what was not written to its end. */
  async #prune(key: RunKey): Promise<void> {
    const names = await this.#files.list(this.#folder);
    const own = names.filter((name) => isCheckpointOf(key, name)).sort((a, b) => numberOf(b) - numberOf(a));
    const good = own.filter((name) => !this.#bad.has(name));
    const pinned = [...this.#pins].map((pin) => good.find((name) => numberOf(name) <= pin));
    const kept = [...good.slice(0, KEPT), ...pinned];
    for (const name of names) {
      const superfluous = isTemporary(name) || (isCheckpointOf(key, name) && !kept.includes(name));
      if (superfluous) await this.#files.remove(join(this.#folder, name));
    }
  }

  #stand(key: RunKey, description: string, number: number): void {
    this.#stands.set(runName(key), description);
    this.#newest = description;
    this.#newestNumber = number;
  }
}
