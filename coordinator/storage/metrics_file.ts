// metrics.jsonl: a line for each finished epoch, in order. It hears of them as events, and a disk that refuses does not end
// the run: all lines are still known, and are written when there is room again.
import { messageOf } from "../../shared/errors.ts";
import { type EpochRecord, isSameRun, type RunEvent, type RunFacts, type RunKey } from "../events/mod.ts";
import { turns } from "../experiment/mod.ts";
import type { RunDirectory } from "./run_folder.ts";

/** Keeps a run's metrics.jsonl. */
export class MetricsFile {
  readonly #folder: Pick<RunDirectory, "writeMetrics" | "appendMetrics">;
  readonly #refused: (text: string) => void;
  #lines: object[] = [];
  /** Whether the file holds all lines, and no more. */
  #whole = false;
  /** Whether the disk has refused the last write: that is told once. */
  #failing = false;

  /**
   * A file that is not touched before the first event.
   * @param folder the run's
   * @param onRefused hears that the disk refuses, once until it does not any more
   */
  constructor(folder: Pick<RunDirectory, "writeMetrics" | "appendMetrics">, onRefused: (text: string) => void) {
    this.#folder = folder;
    this.#refused = onRefused;
  }

  /**
   * Writes what an event brings. A run that begins or is gone on with has the lines of its checkpoints and no others; a
   * finished epoch brings one more. To be called with one event after another, each when the one before is done.
   */
  async handle(event: RunEvent): Promise<void> {
    if (event.type === "run") {
      this.#lines = linesOf(event);
      this.#whole = false;
      await this.#try(() => this.#writeAll());
    } else if (event.type === "epoch") {
      const line = lineOf(event.key, event.record);
      this.#lines.push(line);
      await this.#try(() => this.#whole ? this.#append(line) : this.#writeAll());
    }
  }

  /**
   * Writes what the disk has refused so far.
   * @throws {HerdError} data, if it still does
   */
  async finish(): Promise<void> {
    if (!this.#whole) await this.#writeAll();
  }

  async #try(action: () => Promise<void>): Promise<void> {
    try {
      await action();
      this.#failing = false;
    } catch (error) {
      const what = `${messageOf(error)}: the run goes on, and what is missing is written when there is room`;
      if (!this.#failing) this.#refused(what);
      this.#failing = true;
    }
  }

  async #append(line: object): Promise<void> {
    this.#whole = false; // half a line may be left
    await this.#folder.appendMetrics(line);
    this.#whole = true;
  }

  async #writeAll(): Promise<void> {
    await this.#folder.writeMetrics(this.#lines);
    this.#whole = true;
  }
}

/** The lines of a resumed run's finished epochs, in the order of its turns. */
function linesOf(run: RunFacts): object[] {
  return turns(run).toArray().flatMap(({ key, epoch }) => {
    const training = run.resumed?.trainings.find((training) => isSameRun(training.key, key));
    const record = training?.epochs[epoch - 1];
    return record === undefined ? [] : [lineOf(key, record)];
  });
}

function lineOf(key: RunKey, record: EpochRecord): object {
  return { ...key, ...record };
}
