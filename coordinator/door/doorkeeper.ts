// Keeps strangers from filling the coordinator's door: how many connections may wait there, for how long, and how often an
// address may come without knowing the token. Knows no socket and no clock.
import { isLoopback, networkOf } from "../../shared/addresses.ts";

/** Bounds at one door. */
export interface DoorLimits {
  /** Connections at once, whether they know the token or not. */
  readonly connections: number;
  /** Connections at once that have not proved yet that they know the token; beyond that the oldest is dropped. */
  readonly strangers: number;
  /** What a connection gets to prove that it knows the token, in milliseconds; it includes the TLS handshake. */
  readonly strangerMs: number;
  /** So often an address may fail to do so before its connections are dropped unread. */
  readonly failures: number;
  /** After this time one failure is forgotten, in milliseconds. */
  readonly forgetMs: number;
  /** Addresses whose failures are remembered. */
  readonly addresses: number;
  /** Whether the failures of this machine's own addresses count: tunnels and local workers share one. */
  readonly countLoopback: boolean;
}

/** The bounds in use. */
export const DOOR_LIMITS: DoorLimits = {
  connections: 1024,
  strangers: 64,
  strangerMs: 10_000,
  failures: 20,
  forgetMs: 1_000,
  addresses: 10_000,
  countLoopback: false,
};

/** A connection, as far as it matters here. */
export interface Visitor {
  /** Where it comes from, without the port. */
  readonly address: string;
  /** Ends it. */
  drop(): void;
}

/** Who stands at the door. Times are in milliseconds on any clock. */
export class Doorkeeper {
  readonly #limits: DoorLimits;
  readonly #visitors = new Set<Visitor>();
  /** In the order in which they came. */
  readonly #strangers = new Set<Visitor>();
  /** Failures by network, the one that failed last at the end. */
  readonly #failures = new Map<string, { readonly count: number; readonly at: number }>();

  constructor(limits: DoorLimits) {
    this.#limits = limits;
  }

  /** A connection comes. @returns whether it may stay to prove that it knows the token; one that may not is to be dropped unread */
  enter(visitor: Visitor, now: number): boolean {
    if (this.#visitors.size >= this.#limits.connections) return false;
    if (Math.ceil(this.#failuresOf(networkOf(visitor.address), now)) >= this.#limits.failures) return false;
    this.#visitors.add(visitor);
    this.#strangers.add(visitor);
    if (this.#strangers.size > this.#limits.strangers) {
      // Not the newest: whoever knows the token needs the place for a moment only.
      const [oldest] = this.#strangers;
      this.leave(oldest!, now);
      oldest!.drop();
    }
    return true;
  }

  /** A connection has proved that it knows the token. */
  recognize(visitor: Visitor): void {
    this.#strangers.delete(visitor);
  }

  /** Whether a connection has not done so yet. */
  isStranger(visitor: Visitor): boolean {
    return this.#strangers.has(visitor);
  }

  /** A connection is closed; if it never proved that it knows the token, that is held against its address. */
  leave(visitor: Visitor, now: number): void {
    this.#visitors.delete(visitor);
    if (!this.#strangers.delete(visitor)) return;
    if (isLoopback(visitor.address) && !this.#limits.countLoopback) return;
    const network = networkOf(visitor.address);
    const count = this.#failuresOf(network, now) + 1;
    this.#failures.delete(network);
    this.#failures.set(network, { count, at: now });
    if (this.#failures.size > this.#limits.addresses) {
      const [longestAgo] = this.#failures.keys();
      this.#failures.delete(longestAgo!);
    }
  }

  /** Drops everybody. */
  clear(): void {
    for (const visitor of this.#visitors) visitor.drop();
  }

  /** A whole number of failures, less what is forgotten of them by now. */
  #failuresOf(network: string, now: number): number {
    const { count = 0, at = now } = this.#failures.get(network) ?? {};
    return Math.max(0, count - (now - at) / this.#limits.forgetMs);
  }
}
