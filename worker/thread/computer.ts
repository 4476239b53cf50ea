// The session's side of a device's thread: computes as an engine of the process would, and never blocks it.
import type { EngineName } from "../../shared/engine_names.ts";
import type { LeafOrder, OrderComputer } from "../../shared/order_computer.ts";
import type { PartialSum, Predictions } from "../../shared/sums.ts";
import { within } from "../../shared/within.ts";
import { Line } from "./line.ts";
import { type Introduction, type PreparedRun, unpackError } from "./messages.ts";

/** What a thread gets to give its device back before it is ended. */
const GRACE_MS = 2_000;

const ENTRY = new URL("./entry.ts", import.meta.url);

/** What is made in a thread. */
export interface ThreadOptions {
  /** Which one. */
  readonly engine: EngineName;
  /** What it is made from, and who hears of its leaves and of what takes a while. */
  readonly run: PreparedRun;
  /** The packed data set, once it is there: the thread opens it itself. */
  readonly path: Promise<string>;
  /** The thread's module. */
  readonly entry?: URL;
}

/** An engine with its samples in a thread of their own. */
export class ThreadComputer implements OrderComputer {
  readonly engine: EngineName;
  readonly adapter: string;
  readonly fingerprint: string;
  readonly leafMilliseconds: number;
  readonly #line: Line;

  private constructor(line: Line, { engine, adapter, fingerprint, leafMilliseconds }: Introduction) {
    this.#line = line;
    this.engine = engine;
    this.adapter = adapter;
    this.fingerprint = fingerprint;
    this.leafMilliseconds = leafMilliseconds;
  }

  /**
   * Starts the thread and waits until it can compute.
   * @throws {HerdError} as what prepares in the thread does, or as the promise of the path; cluster, if the thread dies
   */
  static async open({ engine, run, path, entry = ENTRY }: ThreadOptions): Promise<ThreadComputer> {
    const line = new Line(entry, run);
    try {
      const { config, probeKey, tilesFile } = run;
      line.post({ type: "prepare", engine, run: { config, probeKey, tilesFile } });
      path.then((path) => line.post({ type: "data", path }), (error) => line.fail(error));
      return new ThreadComputer(line, await line.introduced);
    } catch (error) {
      line.end();
      throw error;
    }
  }

  setWeights(flat: Float32Array): void {
    const copy = flat.slice();
    this.#line.post({ type: "weights", flat: copy }, [copy.buffer]);
  }

  async *gradients(order: LeafOrder, signal: AbortSignal): AsyncGenerator<PartialSum> {
    yield* this.#answers("train", order, signal) as AsyncGenerator<PartialSum>;
  }

  async *evaluate(order: LeafOrder, signal: AbortSignal): AsyncGenerator<Predictions> {
    yield* this.#answers("evaluate", order, signal);
  }

  /** Has the device given back, and ends the thread. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#line.post({ type: "end" });
    await within(GRACE_MS, this.#line.ended, () => new Error("late")).catch(() => {});
    this.#line.end();
  }

  async *#answers(
    task: "train" | "evaluate",
    order: LeafOrder,
    signal: AbortSignal,
  ): AsyncGenerator<PartialSum | Predictions> {
    signal.throwIfAborted();
    const line = this.#line;
    const abort = () => line.post({ type: "abort" });
    signal.addEventListener("abort", abort, { once: true });
    line.post({ type: "order", task, order });
    let isOver = false;
    try {
      while (true) {
        const message = await line.next();
        isOver = message.type === "done";
        if (message.type === "done") {
          signal.throwIfAborted();
          if (message.error !== undefined) throw unpackError(message.error);
          return;
        }
        const { answer } = message;
        yield answer;
        const used = "gradient" in answer ? answer.gradient : undefined;
        line.post({ type: "next", used }, used === undefined ? [] : [used.buffer]);
      }
    } finally {
      signal.removeEventListener("abort", abort);
      if (!isOver) abort();
      // The thread takes nothing else before it is done with this.
      while (!isOver && !line.isDead) isOver = (await line.next().catch(() => undefined))?.type === "done";
    }
  }
}
