// --trace: the spans of a process as a JSON array, which is whole after every write, however the process ends.
import { join } from "node:path";
import { writeAll } from "../../../shared/atomic_file.ts";
import { messageOf } from "../../../shared/errors.ts";
import { PRIVATE_FILE } from "../../../shared/private.ts";
import type { Snapshot, TimedEvent } from "../../events/mod.ts";
import { type TraceEvent, TraceEvents } from "./trace_events.ts";

/** What viewers open without trouble; a full file gets no more. */
const MOST_BYTES = 64 * 1024 * 1024;

const END = "\n]\n";

/** Writes a trace. */
export class TraceFile {
  readonly #folder: string;
  readonly #notice: (text: string) => void;
  readonly #mostBytes: number;
  readonly #events = new TraceEvents();
  /** Those of processes that a write that failed was to bring. */
  #names: readonly TraceEvent[] = [];
  #path: string | undefined;
  /** Bytes before what ends the array. */
  #length = 0;
  #state: "open" | "torn" | "full" = "open";

  /**
   * Nothing is written before the first spans.
   * @param folder where trace.json is made, or trace-2.json if that is there
   * @param onNotice hears that the file is full, and that the disk refuses: once until it does not any more
   */
  constructor(folder: string, onNotice: (text: string) => void, mostBytes = MOST_BYTES) {
    this.#folder = folder;
    this.#notice = onNotice;
    this.#mostBytes = mostBytes;
  }

  /** Writes what an event brings. To be called with one event after another, each when the one before is done. */
  readonly handle = async (event: TimedEvent, snapshot: Snapshot): Promise<void> => {
    if (event.type !== "spans" || this.#state === "full") return;
    const entries = [...this.#names, ...this.#events.of(event, snapshot)];
    const lines = entries.map((one) => JSON.stringify(one)).join(",\n");
    const bytes = new TextEncoder().encode(`${this.#length === 0 ? "[\n" : ",\n"}${lines}${END}`);
    if (this.#length + bytes.length > this.#mostBytes) {
      this.#state = "full";
      const where = this.#path ?? this.#folder;
      return this.#notice(`${where} has ${Math.floor(this.#mostBytes / 2 ** 20)} MiB: later steps are not in it`);
    }
    try {
      await this.#write(bytes);
      this.#state = "open";
      this.#names = [];
    } catch (error) {
      // But for names, what is not written is not kept: a trace may have a gap.
      this.#names = entries.filter(({ ph }) => ph === "M");
      const path = this.#path ?? join(this.#folder, "trace.json");
      if (this.#state === "open") this.#notice(`Cannot write ${path} (${messageOf(error)}): the run goes on`);
      this.#state = "torn";
      await this.#takeBack().catch(() => {});
    }
  };

  async #write(bytes: Uint8Array): Promise<void> {
    this.#path ??= await newFile(this.#folder);
    using file = await Deno.open(this.#path, { write: true });
    if (this.#state === "torn") await file.truncate(this.#length);
    await file.seek(this.#length, Deno.SeekMode.Start);
    await writeAll(file, bytes);
    this.#length += bytes.length - END.length;
  }

  /** Half of an entry goes, and the end of the array comes back: there was room for that before. */
  async #takeBack(): Promise<void> {
    if (this.#path === undefined || this.#length === 0) return;
    using file = await Deno.open(this.#path, { write: true });
    await file.truncate(this.#length);
    await file.seek(this.#length, Deno.SeekMode.Start);
    await writeAll(file, new TextEncoder().encode(END));
  }
}

async function newFile(folder: string): Promise<string> {
  for (let i = 1;; i++) {
    const path = join(folder, i === 1 ? "trace.json" : `trace-${i}.json`);
    try {
      (await Deno.open(path, { write: true, createNew: true, mode: PRIVATE_FILE })).close();
      return path;
    } catch (error) {
      if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
    }
  }
}
