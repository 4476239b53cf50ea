// Where events go: everybody who subscribes hears all of them, in order, one at a time. Nobody waits for a subscriber, and what
// goes wrong in one is no business of the run or of the others.
import { messageOf } from "../../shared/errors.ts";
import { within } from "../../shared/within.ts";
import type { RunEvent, TimedEvent } from "./event.ts";
import { afterEvent, NOTHING_YET, type Snapshot } from "./snapshot.ts";

/** Hears an event, and what the run's events add up to with it. The next one comes when the promise is settled. */
export type Subscriber = (event: TimedEvent, snapshot: Snapshot) => void | Promise<void>;

/** Events that may wait for a subscriber. Beyond that it misses those that only tell how far the run is. */
const MOST_WAITING = 10_000;

/** Takes events and passes them on. */
export class EventBus {
  #snapshot = NOTHING_YET;
  readonly #subscriptions = new Set<Subscription>();

  /** What all events so far add up to: what a late subscriber begins with. */
  get snapshot(): Snapshot {
    return this.#snapshot;
  }

  /** Tells an event. Never throws and never waits. */
  readonly emit = (event: RunEvent): void => {
    this.#snapshot = afterEvent(this.#snapshot, event);
    const timed = { ...event, time: Date.now() };
    for (const subscription of this.#subscriptions) subscription.take(timed, this.#snapshot);
  };

  /**
   * Passes the events from now on to a subscriber, until disposed.
   * @param name what it is called when it fails, which the others hear once: "The terminal"
   */
  subscribe(name: string, subscriber: Subscriber): Disposable {
    const subscription = new Subscription(
      subscriber,
      (error) => this.emit({ type: "notice", text: `${name} failed (${messageOf(error)}): the run goes on` }),
    );
    this.#subscriptions.add(subscription);
    return { [Symbol.dispose]: () => void this.#subscriptions.delete(subscription) };
  }

  /** Resolves when every subscriber has heard everything, or after a while: a subscriber that hangs holds nobody up. */
  async settle(deadlineMs: number): Promise<void> {
    const idle = Promise.all([...this.#subscriptions].map((subscription) => subscription.idle));
    await within(deadlineMs, idle, () => new Error("late")).catch(() => {});
  }
}

class Subscription {
  readonly #subscriber: Subscriber;
  readonly #onFailure: (error: unknown) => void;
  readonly #waiting: { readonly event: TimedEvent; readonly snapshot: Snapshot }[] = [];
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
    if (this.#waiting.length >= MOST_WAITING) {
      if (event.type === "step" || event.type === "data") return;
      this.#waiting.shift();
    }
    this.#waiting.push({ event, snapshot });
    if (!this.#busy) this.#idle = this.#passOn();
  }

  /** A subscriber that answers at once has heard an event before emit() returns. */
  async #passOn(): Promise<void> {
    this.#busy = true;
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
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
