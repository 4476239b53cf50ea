// Where events go: everybody who subscribes hears all of them, in order, one at a time. Nobody waits for a subscriber, and what
// goes wrong in one is no business of the run or of the others.
import { messageOf } from "../../shared/errors.ts";
import { within } from "../../shared/within.ts";
import type { RunEvent, TimedEvent } from "./event.ts";
import { afterEvent, NOTHING_YET, type Snapshot } from "./snapshot.ts";

/** Hears an event, and what the run's events add up to with it. The next one comes when the promise is settled. */
export type Subscriber = (event: TimedEvent, snapshot: Snapshot) => void | Promise<void>;

/** A subscriber's place among the others; it hears nothing more once disposed. */
export interface Subscription extends Disposable {
  /** Resolves when it has heard everything, or after a while: one that hangs holds nobody up for longer. */
  settle(deadlineMs: number): Promise<void>;
}

/** Events that only tell how far the run is, so many of which may wait for a subscriber: it misses the oldest beyond that. */
const MOST_WAITING = 10_000;

/** Takes events and passes them on. */
export class EventBus {
  #snapshot = NOTHING_YET;
  readonly #queues = new Set<Queue>();

  /** What all events so far add up to: what a late subscriber begins with. */
  get snapshot(): Snapshot {
    return this.#snapshot;
  }

  /** Tells an event. Never throws and never waits. */
  readonly emit = (event: RunEvent): void => {
    this.#snapshot = afterEvent(this.#snapshot, event);
    const timed = { ...event, time: Date.now() };
    for (const queue of this.#queues) queue.take(timed, this.#snapshot);
  };

  /**
   * Passes the events from now on to a subscriber, until disposed.
   * @param name what it is called when it fails, which the others hear once: "The terminal"
   */
  subscribe(name: string, subscriber: Subscriber): Subscription {
    const queue = new Queue(
      subscriber,
      (error) => this.emit({ type: "notice", text: `${name} failed (${messageOf(error)}): the run goes on` }),
    );
    this.#queues.add(queue);
    return {
      settle: (deadlineMs) => within(deadlineMs, queue.idle, () => new Error("late")).catch(() => {}),
      [Symbol.dispose]: () => void this.#queues.delete(queue),
    };
  }
}

/** What waits for one subscriber. */
class Queue {
  readonly #subscriber: Subscriber;
  readonly #onFailure: (error: unknown) => void;
  readonly #waiting: { readonly event: TimedEvent; readonly snapshot: Snapshot }[] = [];
  /** How many of those that wait only tell how far the run is. */
  #progress = 0;
  #busy = false;
  #failed = false;
  #idle: Promise<void> = Promise.resolve();

  constructor(subscriber: Subscriber, onFailure: (error: unknown) => void) {
    this.#subscriber = subscriber;
    this.#onFailure = onFailure;
  }

  /** Resolves when nothing waits. */
  get idle(): Promise<void> {
    return this.#idle;
  }

  take(event: TimedEvent, snapshot: Snapshot): void {
    this.#waiting.push({ event, snapshot });
    // Nothing else is ever dropped: a report is made of it, and there is little of it.
    if (isProgress(event) && ++this.#progress > MOST_WAITING) {
      this.#waiting.splice(this.#waiting.findIndex((one) => isProgress(one.event)), 1);
      this.#progress--;
    }
    if (!this.#busy) this.#idle = this.#passOn();
  }

  /** A subscriber that answers at once has heard an event before emit() returns. */
  async #passOn(): Promise<void> {
    this.#busy = true;
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      if (isProgress(next.event)) this.#progress--;
      try {
        const done = this.#subscriber(next.event, next.snapshot);
        if (done instanceof Promise) await done;
      } catch (error) {
        if (!this.#failed) this.#onFailure(error); // told once: it may well fail each time
        this.#failed = true;
      }
    }
    this.#busy = false;
  }
}

function isProgress({ type }: TimedEvent): boolean {
  return type === "step" || type === "data" || type === "spans";
}
