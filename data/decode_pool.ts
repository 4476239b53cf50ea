// Threads that decode images. Each has one at a time, so that what goes wrong in a thread has the name of a file.
import { HerdError } from "../shared/errors.ts";
import type { DecodeAnswer } from "./decode_thread.ts";
import type { DecodeOrder, SquareImage } from "./square_image.ts";

const ENTRY = new URL("./decode_thread.ts", import.meta.url);
/** Far above what an image within the limits takes: a decoder must not be waited for for ever. */
const DEADLINE_MS = 300_000;
/** No permission at all. That takes an option of Herd's own deno.json, which does not apply to other programs. */
const CONFINED = { type: "module", deno: { permissions: "none" } } as WorkerOptions;
/** Asked when a thread is started: a device's thread, which starts none, has no main module. */
const optionsHere = (): WorkerOptions =>
  Deno.mainModule.startsWith(new URL("../", import.meta.url).href) ? CONFINED : { type: "module" };

/** An image that somebody waits for. */
interface Job {
  readonly order: DecodeOrder;
  resolve(image: SquareImage): void;
  reject(error: unknown): void;
}

/** A thread, what it is at, and until when. */
interface Thread {
  readonly worker: Worker;
  job: Job | undefined;
  timer: ReturnType<typeof setTimeout> | undefined;
}

/** What only tests replace. */
export interface PoolInternals {
  readonly entry?: URL;
  readonly deadlineMs?: number | undefined;
}

/** A few threads, started when they are needed; whoever asks for more images at once than there are waits for a free one. */
export class DecodePool implements Disposable {
  readonly #most: number;
  readonly #entry: URL;
  readonly #deadlineMs: number;
  readonly #threads = new Set<Thread>();
  #waiting: Job[] = [];
  #ended: { readonly reason: unknown } | undefined;

  /** No thread runs yet. @param most threads at once */
  constructor(most: number, { entry = ENTRY, deadlineMs = DEADLINE_MS }: PoolInternals = {}) {
    this.#most = most;
    this.#entry = entry;
    this.#deadlineMs = deadlineMs;
  }

  /**
   * Decodes an image.
   * @throws {HerdError} data, calling the file by its name, if it cannot be decoded; what the pool was ended with
   */
  decode(order: DecodeOrder): Promise<SquareImage> {
    return new Promise((resolve, reject) => {
      if (this.#ended) return reject(this.#ended.reason);
      this.#waiting.push({ order, resolve, reject });
      this.#dispatch();
    });
  }

  /** Ends the threads at once, whatever they are at. What was asked for, and will be, is rejected with the reason. */
  end(reason: unknown): void {
    this.#ended ??= { reason };
    for (const { job } of [...this.#threads].map((thread) => this.#remove(thread))) job?.reject(reason);
    this.#waiting.forEach(({ reject }) => reject(reason));
    this.#waiting = [];
  }

  /** Ends the threads. */
  [Symbol.dispose](): void {
    this.end(new Error("The decoding was ended"));
  }

  #dispatch(): void {
    while (this.#waiting.length > 0) {
      const idle = [...this.#threads].find(({ job }) => job === undefined);
      const thread = idle ?? (this.#threads.size < this.#most ? this.#start() : undefined);
      if (!thread) return;
      thread.job = this.#waiting.shift()!;
      thread.timer = setTimeout(() => this.#lose(thread, "it takes too long"), this.#deadlineMs);
      thread.worker.postMessage(thread.job.order);
    }
  }

  #start(): Thread {
    const worker = new Worker(this.#entry, optionsHere());
    const thread: Thread = { worker, job: undefined, timer: undefined };
    this.#threads.add(thread);
    worker.addEventListener("message", ({ data }: MessageEvent<DecodeAnswer>) => {
      const { job } = thread;
      clearTimeout(thread.timer);
      thread.job = undefined;
      this.#dispatch();
      if ("image" in data) job?.resolve(data.image);
      else if ("unreadable" in data) job?.reject(new HerdError("data", data.unreadable));
      else job?.reject(Object.assign(new Error(`${data.bug} (decoding '${job.order.name}')`), { stack: data.stack }));
    });
    worker.addEventListener("error", (event) => {
      event.preventDefault();
      this.#lose(thread, `its thread has died (${event.message})`);
    });
    return thread;
  }

  /** A thread that is of no use any more; the next image has another one. */
  #lose(thread: Thread, why: string): void {
    const { job } = this.#remove(thread);
    const sentence = `The image '${job?.order.name}' cannot be decoded: ${why}; replace or remove it`;
    job?.reject(new HerdError("data", sentence));
    this.#dispatch();
  }

  #remove(thread: Thread): Thread {
    this.#threads.delete(thread);
    clearTimeout(thread.timer);
    thread.worker.terminate();
    return thread;
  }
}
