// What a worker prints, in a file that has a limit: one that prints for ever fills no disk. The last lines are also kept in
// memory, so that they can be told whatever becomes of the file.
import { formatBytes } from "../../shared/cli/format.ts";
import { PRIVATE_FILE } from "../../shared/private.ts";

/** Bytes that a worker's log may have, over all its processes. A day of a healthy one takes some kilobytes. */
export const LOG_LIMIT = 10_000_000;

const TAIL_BYTES = 4096;
const TAIL_LINES = 5;

/** A worker's log, while one of its processes runs. */
export class WorkerLog implements Disposable {
  readonly #file: Pick<Deno.FsFile, "writeSync" | "close">;
  readonly #limit: number;
  #size: number;
  #tail: Uint8Array = new Uint8Array();

  /** Writes from now on at the end of a file. @param size what the file has already */
  constructor(file: Pick<Deno.FsFile, "writeSync" | "close">, size: number, limit: number = LOG_LIMIT) {
    this.#file = file;
    this.#size = size;
    this.#limit = limit;
  }

  /** Opens or makes the file. */
  static async open(path: string): Promise<WorkerLog> {
    const file = await Deno.open(path, { append: true, create: true, mode: PRIVATE_FILE });
    return new WorkerLog(file, (await file.stat()).size);
  }

  /** Writes what has room, and where the room ends, that it does. @throws what the disk refuses with */
  write(bytes: Uint8Array): void {
    this.#remember(bytes);
    const room = this.#limit - this.#size;
    if (room <= 0) return;
    this.#append(bytes.subarray(0, room));
    if (bytes.length < room) return;
    const end = `The log ends here: it has ${formatBytes(this.#limit)}, and what the worker prints from now on is lost`;
    this.#append(new TextEncoder().encode(`\n${end}\n`));
  }

  /** The last lines that this process has printed, indented. */
  get tail(): string {
    const lines = new TextDecoder().decode(this.#tail).trimEnd().split("\n");
    return lines.slice(-TAIL_LINES).map((line) => `        ${line}`).join("\n");
  }

  /** Closes the file. */
  [Symbol.dispose](): void {
    this.#file.close();
  }

  #append(bytes: Uint8Array): void {
    for (let done = 0; done < bytes.length;) {
      const written = this.#file.writeSync(bytes.subarray(done));
      done += written;
      this.#size += written;
    }
  }

  #remember(bytes: Uint8Array): void {
    const last = bytes.subarray(-TAIL_BYTES);
    const kept = this.#tail.subarray(Math.max(0, this.#tail.length + last.length - TAIL_BYTES));
    const tail = new Uint8Array(kept.length + last.length);
    tail.set(kept);
    tail.set(last, kept.length);
    this.#tail = tail;
  }
}
