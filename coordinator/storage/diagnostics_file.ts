// diagnostics.csv: what --diagnostics sees of each step and kernel. A run that goes on keeps the rows of the steps that it has
// behind it. A disk that refuses is told and does not end the run.
import { HerdError, messageOf } from "../../shared/errors.ts";
import { writeAtomically } from "../../shared/atomic_file.ts";
import type { Position } from "../events/mod.ts";
import {
  DIAGNOSTICS_HEADER,
  diagnosticsLine,
  type DiagnosticsRow,
  parseDiagnostics,
  rowsUntil,
} from "../experiment/mod.ts";

/** Keeps a run's diagnostics.csv. */
export class DiagnosticsFile {
  /** The rows of earlier processes. */
  readonly earlier: readonly DiagnosticsRow[];
  readonly #path: string;
  readonly #notice: (text: string) => void;
  /** Bytes of the file that are whole lines. */
  #length: number;
  /** What the disk has refused so far. */
  #pending = "";
  #failing = false;

  private constructor(
    path: string,
    earlier: readonly DiagnosticsRow[],
    length: number,
    notice: (text: string) => void,
  ) {
    this.#path = path;
    this.earlier = earlier;
    this.#length = length;
    this.#notice = notice;
  }

  /**
   * Begins the file, or takes from it what came after the steps that trainings go on from.
   * @param stands where they do
   * @param learningRate of trainings whose key names none
   * @param onNotice hears that the disk refuses, once until it does not any more
   * @throws {HerdError} data, if it cannot be read or written, or is damaged
   */
  static async open(
    path: string,
    { stands, learningRate, onNotice }: {
      readonly stands: readonly Position[];
      readonly learningRate: number;
      onNotice(text: string): void;
    },
  ): Promise<DiagnosticsFile> {
    try {
      const rows = stands.length === 0 ? [] : parseDiagnostics(await Deno.readTextFile(path));
      const kept = rowsUntil(rows, stands, learningRate);
      const bytes = new TextEncoder().encode(DIAGNOSTICS_HEADER + kept.map(diagnosticsLine).join(""));
      await writeAtomically(path, bytes);
      return new DiagnosticsFile(path, kept, bytes.length, onNotice);
    } catch (cause) {
      throw new HerdError("data", `Cannot go on with ${path} (${messageOf(cause)}): restore it`, { cause });
    }
  }

  /** Adds a step's rows. */
  readonly append = (rows: readonly DiagnosticsRow[]): void => {
    this.#pending += rows.map(diagnosticsLine).join("");
    try {
      this.#write();
      this.#failing = false;
    } catch (error) {
      const what = `Cannot write ${this.#path} (${messageOf(error)})`;
      if (!this.#failing) this.#notice(`${what}: the run goes on, and what is missing is written when there is room`);
      this.#failing = true;
    }
  };

  /**
   * Writes what the disk has refused so far.
   * @throws {HerdError} data, if it still does
   */
  finish(): void {
    try {
      if (this.#pending !== "") this.#write();
    } catch (cause) {
      throw new HerdError("data", `Cannot write ${this.#path} (${messageOf(cause)}): make room`, { cause });
    }
  }

  /** @throws whatever the disk says, with the file as it was or half a line more, which the next write takes away */
  #write(): void {
    const bytes = new TextEncoder().encode(this.#pending);
    using file = Deno.openSync(this.#path, { write: true });
    file.truncateSync(this.#length);
    file.seekSync(0, Deno.SeekMode.End);
    for (let done = 0; done < bytes.length;) done += file.writeSync(bytes.subarray(done));
    this.#length += bytes.length;
    this.#pending = "";
  }
}
