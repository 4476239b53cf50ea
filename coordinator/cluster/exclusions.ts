// From where liars have come. An excluded worker could come back under a new name, so nobody new is let in from its address
// for a while, the longer the more often that happens. Whoever is known stays in: many workers share an address, behind a
// router or a tunnel, or on this machine. Knows no clock.
import { networkOf } from "../../shared/addresses.ts";

const FIRST_WAIT_MS = 60_000;
const LONGEST_WAIT_MS = 24 * 3_600_000;
/** Networks that are remembered. */
const MOST_REMEMBERED = 1_000;

/** The addresses of excluded workers. Times are in milliseconds on any clock. */
export class Exclusions {
  /** The one where somebody was excluded last at the end. */
  readonly #byNetwork = new Map<string, { readonly wait: number; readonly until: number }>();

  /** A worker from this address is excluded. */
  add(address: string, now: number): void {
    const network = networkOf(address);
    const before = this.#byNetwork.get(network)?.wait ?? FIRST_WAIT_MS / 2;
    const wait = Math.min(2 * before, LONGEST_WAIT_MS);
    this.#byNetwork.delete(network);
    this.#byNetwork.set(network, { wait, until: now + wait });
    if (this.#byNetwork.size > MOST_REMEMBERED) {
      const [longestAgo] = this.#byNetwork.keys();
      this.#byNetwork.delete(longestAgo!);
    }
  }

  /** What somebody new from this address has to wait, in milliseconds. */
  waitFor(address: string, now: number): number {
    return Math.max(0, (this.#byNetwork.get(networkOf(address))?.until ?? now) - now);
  }
}
