// The folder that a run leaves. Files that are rewritten are replaced whole, so that a reader never sees half of one.
import { join } from "node:path";
import type { ModelSpec } from "../../shared/model.ts";
import { HerdError, messageOf } from "../../shared/errors.ts";
import { writeAtomically } from "../../shared/atomic_file.ts";
import { PRIVATE_FILE, PRIVATE_FOLDER } from "../../shared/private.ts";
import { decodeSafetensors } from "../../shared/safetensors.ts";
import { modelFiles } from "./model_files.ts";

/** Writes one run's files, while no other process does. */
export class RunDirectory implements Disposable {
  /** The folder. */
  readonly path: string;
  readonly #lock: Deno.FsFile;

  private constructor(path: string, lock: Deno.FsFile) {
    this.path = path;
    this.#lock = lock;
  }

  /**
   * Makes the folder.
   * @param out where; by default runs/<timestamp>
   * @throws {HerdError} usage, if it holds a run already or another process uses it; data, if it cannot be made or written
   */
  static async create(out: string | undefined): Promise<RunDirectory> {
    const stamp = new Date().toISOString().replaceAll(":", "-").replace(/\..*$/, "");
    const path = out ?? await freeName(join("runs", stamp));
    if (await exists(join(path, "config.json"))) {
      throw new HerdError(
        "usage",
        `--out ${path} holds a run already: choose another folder, or go on with it by --resume ${path}`,
      );
    }
    try {
      await Deno.mkdir(join(path, "logs"), { recursive: true, mode: PRIVATE_FOLDER });
    } catch (cause) {
      throw new HerdError("data", `Cannot make the run's folder ${path} (${messageOf(cause)}): choose another --out`, {
        cause,
      });
    }
    return new RunDirectory(path, await lock(path));
  }

  /**
   * Opens the folder of a run, to go on with it.
   * @throws {HerdError} usage, if another process uses it; data, if it is missing or cannot be written
   */
  static async reopen(path: string): Promise<RunDirectory> {
    const folder = new RunDirectory(path, await lock(path));
    // A copy may be without it; where it cannot be made, whoever writes there says so.
    await Deno.mkdir(folder.logs, { recursive: true, mode: 0o700 }).catch(() => {});
    return folder;
  }

  /** Lets other processes use it. */
  [Symbol.dispose](): void {
    this.#lock[Symbol.dispose]();
  }

  /** Where the workers' logs are. */
  get logs(): string {
    return join(this.path, "logs");
  }

  /** Where --diagnostics puts its rows. */
  get diagnostics(): string {
    return join(this.path, "diagnostics.csv");
  }

  /** Where --tensorboard puts its files. */
  get events(): string {
    return join(this.path, "events");
  }

  /** Where the checkpoints are. */
  get checkpoints(): string {
    return join(this.path, "checkpoint");
  }

  /**
   * config.json: the resolved config, without which a checkpoint is of no use.
   * @throws {HerdError} data, if it cannot be written
   */
  async writeConfig(config: unknown): Promise<void> {
    await this.#replace("config.json", `${JSON.stringify(config, null, 2)}\n`);
  }

  /**
   * All lines of metrics.jsonl.
   * @throws {HerdError} data, if they cannot be written
   */
  async writeMetrics(lines: readonly unknown[]): Promise<void> {
    await this.#replace("metrics.jsonl", lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
  }

  /**
   * A further line of metrics.jsonl.
   * @throws {HerdError} data, if it cannot be written
   */
  async appendMetrics(line: unknown): Promise<void> {
    await this.#write(() =>
      Deno.writeTextFile(join(this.path, "metrics.jsonl"), `${JSON.stringify(line)}\n`, {
        append: true,
        mode: PRIVATE_FILE,
      })
    );
  }

  /**
   * report.json, and the tables of what it says.
   * @param report plain data
   * @param tables by file name
   * @throws {HerdError} data, if they cannot be written
   */
  async writeReport(report: object, tables: Readonly<Record<string, string>>): Promise<void> {
    for (const [name, text] of Object.entries(tables)) await this.#replace(name, text);
    await this.#replace("report.json", `${JSON.stringify(report, null, 2)}\n`);
  }

  /**
   * report.html.
   * @throws {HerdError} data, if it cannot be written
   */
  async writePage(html: string): Promise<void> {
    await this.#replace("report.html", html);
  }

  /**
   * models/<name>/
   * @param weights flat float32
   * @param weightsSha256 of the weights; "" where it is not known
   * @throws {HerdError} data, if it cannot be written
   */
  async writeModel(name: string, spec: ModelSpec, weights: Float32Array, weightsSha256 = ""): Promise<void> {
    const folder = join("models", name);
    await this.#write(() => Deno.mkdir(join(this.path, folder), { recursive: true, mode: PRIVATE_FOLDER }));
    for (const [file, bytes] of Object.entries(modelFiles(spec, weights, { model: name, weightsSha256 }))) {
      await this.#replace(join(folder, file), bytes);
    }
  }

  /** The hash of the weights in models/<name>/, as they were written; undefined if they are not there or cannot be read. */
  async modelHash(name: string): Promise<string | undefined> {
    try {
      const bytes = await Deno.readFile(join(this.path, "models", name, "weights.safetensors"));
      return decodeSafetensors(bytes).metadata["weightsSha256"];
    } catch {
      return undefined;
    }
  }

  /**
   * Takes away models/<name>/, if it is there.
   * @throws {HerdError} data, if it cannot be removed
   */
  async removeModel(name: string): Promise<void> {
    const folder = join(this.path, "models", name);
    if (await exists(folder)) await this.#write(() => Deno.remove(folder, { recursive: true }));
  }

  async #replace(name: string, content: string | Uint8Array): Promise<void> {
    await this.#write(() => writeAtomically(join(this.path, name), content));
  }

  async #write(action: () => Promise<void>): Promise<void> {
    try {
      await action();
    } catch (cause) {
      throw new HerdError("data", `Cannot write into the run's folder ${this.path}: ${messageOf(cause)}`, { cause });
    }
  }
}

/** A lock that the system takes away when the process ends, however it ends. */
async function lock(path: string): Promise<Deno.FsFile> {
  let file: Deno.FsFile;
  try {
    file = await Deno.open(join(path, "lock"), { write: true, create: true, mode: PRIVATE_FILE });
  } catch (cause) {
    const remedy = "make it writable, or choose another folder";
    throw new HerdError("data", `Cannot write into the run's folder ${path} (${messageOf(cause)}): ${remedy}`, {
      cause,
    });
  }
  if (await file.tryLock(true)) return file;
  file.close();
  throw new HerdError("usage", `Another process is at work in ${path}: wait for its end, or choose another folder`);
}

async function freeName(wanted: string): Promise<string> {
  for (let i = 1;; i++) {
    const name = i === 1 ? wanted : `${wanted}-${i}`;
    if (!await exists(name)) return name;
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch {
    return false;
  }
}
