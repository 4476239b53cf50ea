// The line to a device's thread: what goes out, what comes in, and that the thread may die.
import { HerdError } from "../../shared/errors.ts";
import { type FromThread, type Introduction, type PreparedRun, type ToThread, unpackError } from "./messages.ts";

type Answer = Extract<FromThread, { type: "answer" | "done" }>;

/** A thread that runs. */
export class Line {
  readonly introduced: Promise<Introduction>;
  readonly ended: Promise<void>;
  readonly #worker: Worker;
  readonly #inbox: Answer[] = [];
  readonly #introduction = Promise.withResolvers<Introduction>();
  readonly #end = Promise.withResolvers<void>();
  /** Why the thread is of no use. */
  #error: Error | undefined;
  #wake = () => {};

  constructor(entry: URL, { onLeaf, onProgress }: Pick<PreparedRun, "onLeaf" | "onProgress">) {
    this.introduced = this.#introduction.promise;
    this.introduced.catch(() => {}); // thrown where it is awaited
    this.ended = this.#end.promise;
    this.#worker = new Worker(entry, { type: "module", name: "device" });
    this.#worker.addEventListener("message", ({ data }: MessageEvent<FromThread>) => {
      switch (data.type) {
        case "progress":
          return onProgress(data.text);
        case "leaf":
          return onLeaf();
        case "ready":
          return this.#introduction.resolve(data.introduction);
        case "failed":
          return this.fail(unpackError(data.error));
        case "answer":
        case "done":
          this.#inbox.push(data);
          return this.#wake();
        case "ended":
          return this.#end.resolve();
        default: {
          const unknown: never = data;
          throw new Error(`Unknown message: ${JSON.stringify(unknown)}`);
        }
      }
    });
    const die = (why: string) => {
      this.#end.resolve();
      this.fail(new HerdError("cluster", `The device's thread has died: ${why}`));
    };
    this.#worker.addEventListener("error", (event) => {
      event.preventDefault();
      die(event.message);
    });
    this.#worker.addEventListener("messageerror", () => die("it has sent what cannot be read"));
  }

  /** Whether nothing comes any more. */
  get isDead(): boolean {
    return this.#error !== undefined;
  }

  post(message: ToThread, transfer: ArrayBufferLike[] = []): void {
    if (!this.isDead) this.#worker.postMessage(message, transfer as ArrayBuffer[]);
  }

  /** What comes next of an order. @throws what it or the thread has ended with */
  async next(): Promise<Answer> {
    while (true) {
      const message = this.#inbox.shift();
      if (message !== undefined) return message;
      if (this.#error !== undefined) throw this.#error;
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
  }

  /** From now on nothing is asked of the thread, and nothing is expected of it. */
  fail(error: Error): void {
    this.#error ??= error;
    this.#introduction.reject(error);
    this.#wake();
  }

  end(): void {
    this.#worker.terminate();
    this.fail(new HerdError("cluster", "The device's thread has been ended"));
  }
}
