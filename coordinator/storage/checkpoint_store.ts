// The folder of a run's checkpoints: files named by a rising number, of which the last two good ones are kept. A file gets its
// name when it is safely on the disk, so that whatever ends the process leaves whole checkpoints.
import { join } from "node:path";
import { HerdError, messageOf } from "../../shared/errors.ts";
import { writeAtomically } from "../../shared/atomic_file.ts";

/** What a store does with files. */
export interface CheckpointFiles {
  /** The names in a folder, which is made if it is missing. */
  list(folder: string): Promise<string[]>;
  read(path: string): Promise<Uint8Array>;
  /** The file has its name when it is whole; resolves when it is safely on the disk. What is unfinished ends in ".part". */
  write(path: string, bytes: Uint8Array): Promise<void>;
  remove(path: string): Promise<void>;
}

/** The real ones. */
export const diskFiles: CheckpointFiles = {
  async list(folder) {
    await Deno.mkdir(folder, { recursive: true });
    return (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name);
  },
  read: (path) => Deno.readFile(path),
  write: writeAtomically,
  remove: (path) => Deno.remove(path),
};

/** Checkpoints kept: the newest, and one more in case that it is damaged. */
const KEPT = 2;
const NAME = /^(\d{6,})\.safetensors$/;
const TEMPORARY = /\.part$/;

/** Reads and writes the checkpoints of one run. */
export class CheckpointStore {
  readonly #folder: string;
  readonly #notice: (text: string) => void;
  readonly #files: CheckpointFiles;
  /** Names of files known to be whole, oldest first. */
  #good: string[] = [];
  #stands: string | undefined;
  #failing = false;
  #writing: Promise<void> = Promise.resolve();

  constructor(folder: string, onNotice: (text: string) => void, files: CheckpointFiles = diskFiles) {
    this.#folder = folder;
    this.#notice = onNotice;
    this.#files = files;
  }

  /** What the newest good checkpoint is of, as its writer or reader has described it. */
  get stands(): string | undefined {
    return this.#stands;
  }

  /**
   * The newest checkpoint that can be used, or undefined if there is none at all.
   * @param decode throws a HerdError for bytes that cannot be used
   * @throws {HerdError} data, if there are checkpoints but none can be used
   */
  async load<T>(decode: (bytes: Uint8Array) => T, describe: (value: T) => string): Promise<T | undefined> {
    const reasons: string[] = [];
    for (const name of (await this.#names()).reverse()) {
      const read = await this.#read(name, decode);
      if ("reason" in read) {
        reasons.push(`${name} cannot be used: ${read.reason}`);
        continue;
      }
      for (const reason of reasons) this.#notice(`Checkpoint ${reason}; ${name} is taken`);
      this.#good = [name];
      this.#stands = describe(read.value);
      return read.value;
    }
    if (reasons.length === 0) return undefined;
    throw new HerdError("data", `No checkpoint in ${this.#folder} can be used: ${reasons.join("; ")}`);
  }

  /**
   * Waits for the write before, then starts to write the checkpoint that `encode` makes, and does not wait for its end. A write
   * that fails is told once, and the older checkpoints stay.
   */
  async write(encode: () => Uint8Array, description: string): Promise<void> {
    const before = this.#writing;
    this.#writing = before.then(() => this.#write(encode, description));
    await before;
  }

  /** Resolves when nothing is being written any more. */
  async idle(): Promise<void> {
    await this.#writing;
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

  async #write(encode: () => Uint8Array, description: string): Promise<void> {
    try {
      const bytes = encode(); // before anything is awaited
      const number = Math.max(0, ...(await this.#names()).map(numberOf)) + 1;
      const name = `${String(number).padStart(6, "0")}.safetensors`;
      await this.#files.write(join(this.#folder, name), bytes);
      this.#good = [...this.#good, name].slice(-KEPT);
      this.#stands = description;
      if (this.#failing) this.#notice(`Checkpoints can be written again: the newest is of ${description}`);
      this.#failing = false;
    } catch (error) {
      const older = this.#stands === undefined ? "there is none yet" : `the one of ${this.#stands} stays`;
      if (!this.#failing) {
        this.#notice(`Cannot write a checkpoint (${messageOf(error)}): the run goes on, and ${older}`);
      }
      this.#failing = true;
      return;
    }
    await this.#prune().catch(() => {}); // the next write tries again
  }

  /** Removes what is not among the last good ones: older ones, damaged ones, half-written ones. */
  async #prune(): Promise<void> {
    for (const name of await this.#files.list(this.#folder)) {
      if (!(NAME.test(name) || TEMPORARY.test(name)) || this.#good.includes(name)) continue;
      await this.#files.remove(join(this.#folder, name));
    }
  }

  /** Files that have a checkpoint's name, oldest first. */
  async #names(): Promise<string[]> {
    const names = (await this.#files.list(this.#folder)).filter((name) => NAME.test(name));
    return names.sort((a, b) => numberOf(a) - numberOf(b));
  }
}

function numberOf(name: string): number {
  return Number(NAME.exec(name)![1]);
}
