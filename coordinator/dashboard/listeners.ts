// The pages that listen, each to a stream of server-sent events. Nobody waits for one that is slow: it misses what comes
// meanwhile, is told everything when it has caught up, and is dropped if it does not.
import type { ServerResponse } from "node:http";
import { visible } from "../../shared/visible.ts";
import { within } from "../../shared/within.ts";

/** At once: a run has a few people who look at it. */
const MOST_LISTENERS = 16;
/** How long a page waits before it comes again when its stream breaks off. */
const RETRY_MS = 2_000;
/** What streams get to send what is under way when the run is over. */
const CLOSE_MS = 500;

/** A stream's other end. */
export type Stream = Pick<ServerResponse, "write" | "end" | "destroy" | "on" | "writableLength">;

/** Those that listen. */
export class Listeners {
  readonly #slowMs: number;
  readonly #now: () => number;
  readonly #onEmpty: () => void;
  /** Since when they are behind; undefined for those that are not. */
  readonly #streams = new Map<Stream, number | undefined>();

  /** @param onEmpty nobody listens any more @param slowMs how long one may be behind @param now a clock, in milliseconds */
  constructor(onEmpty: () => void, slowMs: number, now: () => number = () => performance.now()) {
    this.#onEmpty = onEmpty;
    this.#slowMs = slowMs;
    this.#now = now;
  }

  /** How many there are. */
  get count(): number {
    return this.#streams.size;
  }

  /** Whether there is room for one more. */
  get hasRoom(): boolean {
    return this.#streams.size < MOST_LISTENERS;
  }

  /** Somebody comes, and is told everything. */
  add(stream: Stream, everything: unknown): void {
    this.#streams.set(stream, undefined);
    stream.on("close", () => this.#remove(stream));
    stream.write(`retry: ${RETRY_MS}\n\n${eventOf("everything", everything)}`);
  }

  /** Tells all what is new. @param news undefined where everything is @param everything for those that have missed something, too */
  tell(news: unknown, everything: () => unknown): void {
    const now = this.#now();
    let [text, whole]: (string | undefined)[] = [];
    for (const [stream, behindSince] of this.#streams) {
      if (stream.writableLength > 0) {
        this.#streams.set(stream, behindSince ?? now);
        if (behindSince !== undefined && now - behindSince >= this.#slowMs) stream.destroy();
      } else if (behindSince === undefined && news !== undefined) stream.write(text ??= eventOf("news", news));
      else {
        this.#streams.set(stream, undefined);
        stream.write(whole ??= eventOf("everything", everything()));
      }
    }
  }

  /** Ends all streams, with what is on its way. */
  async close(): Promise<void> {
    const ended = [...this.#streams.keys()].map((stream) => new Promise<void>((done) => stream.end(() => done())));
    await within(CLOSE_MS, Promise.all(ended), () => new Error("late")).catch(() => {});
    for (const stream of this.#streams.keys()) stream.destroy();
  }

  #remove(stream: Stream): void {
    if (this.#streams.delete(stream) && this.#streams.size === 0) this.#onEmpty();
  }
}

/** An event; JSON has no line breaks. Texts may be from anywhere, and are made visible: the page shows them as texts only. */
function eventOf(name: string, data: unknown): string {
  const json = JSON.stringify(data, (_, value) => typeof value === "string" ? visible(value) : value);
  return `event: ${name}\ndata: ${json}\n\n`;
}
