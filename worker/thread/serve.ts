// The thread's side: has a computer made, and does with it what the session says.
import type { EngineName } from "../../shared/engine_names.ts";
import type { LeafOrder, OrderComputer } from "../../shared/order_computer.ts";
import { release } from "../../shared/memory.ts";
import type { PartialSum, Predictions } from "../../shared/sums.ts";
import {
  type FromThread,
  packError,
  type PreparedRun,
  type SentError,
  type ThreadRun,
  type ToThread,
} from "./messages.ts";

/** The thread's end of the line. */
export interface ThreadPort {
  onmessage: ((event: MessageEvent<ToThread>) => void) | null;
  postMessage(message: FromThread, transfer: Transferable[]): void;
}

/** Makes what computes. @param path the packed data set, once it is there */
export type PrepareInThread = (
  engine: EngineName,
  run: PreparedRun,
  path: Promise<string>,
) => Promise<OrderComputer>;

/** Answers that the thread may compute before they are asked for. */
const AHEAD = 1;

/** Serves a session from now on. */
export function serveThread(port: ThreadPort, prepare: PrepareInThread): void {
  const thread = new DeviceThread(port, prepare);
  port.onmessage = ({ data }) => thread.handle(data);
}

/** Calls do not overlap: weights and orders come when the order before is over. */
class DeviceThread {
  readonly #port: ThreadPort;
  readonly #prepare: PrepareInThread;
  readonly #path = Promise.withResolvers<string>();
  #computer: OrderComputer | undefined;
  /** Of the order under way: how many answers may be sent, and who waits for more. */
  #allowed = 0;
  #unwanted = new AbortController();
  /** Why the last weights were not taken. */
  #refusal: { readonly error: unknown } | undefined;
  #wake = () => {};
  /** Memory of gradients that the session has done with. */
  #used: Float32Array | undefined;

  constructor(port: ThreadPort, prepare: PrepareInThread) {
    this.#port = port;
    this.#prepare = prepare;
  }

  handle(message: ToThread): void {
    switch (message.type) {
      case "prepare":
        return void this.#begin(message.engine, message.run);
      case "data":
        return this.#path.resolve(message.path);
      case "weights":
        return this.#setWeights(message.flat);
      case "order":
        return void this.#answer(message.task, message.order);
      case "next":
        this.#used = message.used ?? this.#used;
        this.#allowed++;
        return this.#wake();
      case "abort":
        // Not by a DOMException, which is what WebGPU fails with.
        this.#unwanted.abort(new Error("Nobody wants the answers any more"));
        return this.#wake();
      case "end":
        return void this.#end();
      default: {
        const unknown: never = message;
        throw new Error(`Unknown message: ${JSON.stringify(unknown)}`);
      }
    }
  }

  async #begin(name: EngineName, run: ThreadRun): Promise<void> {
    try {
      this.#computer = await this.#prepare(name, {
        ...run,
        onLeaf: () => this.#post({ type: "leaf" }),
        onProgress: (text) => this.#post({ type: "progress", text }),
      }, this.#path.promise);
      const { engine, adapter, fingerprint, leafMilliseconds } = this.#computer;
      this.#post({ type: "ready", introduction: { engine, adapter, fingerprint, leafMilliseconds } });
    } catch (error) {
      this.#post({ type: "failed", error: packError(error) });
    }
  }

  /** Nobody waits for it: what it throws is thrown by the next order. */
  #setWeights(flat: Float32Array): void {
    this.#refusal = undefined;
    try {
      this.#computer!.setWeights(flat);
      release(flat);
    } catch (error) {
      this.#refusal = { error };
    }
  }

  async #answer(task: "train" | "evaluate", order: LeafOrder): Promise<void> {
    this.#unwanted = new AbortController();
    const { signal } = this.#unwanted;
    let error: SentError | undefined;
    try {
      if (this.#refusal !== undefined) throw this.#refusal.error;
      await this.#compute(task, order, signal);
    } catch (thrown) {
      if (thrown !== signal.reason) error = packError(thrown);
    }
    this.#post({ type: "done", error });
  }

  async #compute(task: "train" | "evaluate", order: LeafOrder, signal: AbortSignal): Promise<void> {
    const computer = this.#computer!;
    const answers = task === "train" ? computer.gradients(order, signal) : computer.evaluate(order, signal);
    this.#allowed = 1 + AHEAD;
    let computed = 0;
    for await (const answer of answers) {
      this.#send(answer);
      computed++;
      while (computed >= this.#allowed && !signal.aborted) await new Promise<void>((resolve) => this.#wake = resolve);
      if (signal.aborted) return;
    }
  }

  /** The engine's arrays are its own, and it writes to them again: copies travel. */
  #send(answer: PartialSum | Predictions): void {
    const losses = answer.losses.slice();
    const logits = answer.logits.slice();
    const buffers = [losses.buffer, logits.buffer];
    if (!("gradient" in answer)) return this.#post({ type: "answer", answer: { losses, logits } }, buffers);
    const gradient = this.#used?.length === answer.gradient.length
      ? this.#used
      : new Float32Array(answer.gradient.length);
    this.#used = undefined;
    gradient.set(answer.gradient);
    const { node } = answer;
    this.#post({ type: "answer", answer: { node, gradient, losses, logits } }, [...buffers, gradient.buffer]);
  }

  async #end(): Promise<void> {
    try {
      await this.#computer?.[Symbol.asyncDispose]();
    } finally {
      this.#post({ type: "ended" });
    }
  }

  #post(message: FromThread, transfer: ArrayBufferLike[] = []): void {
    this.#port.postMessage(message, transfer as ArrayBuffer[]);
  }
}
