// What went wrong and was mended: counted and told in one place.
import { type ClusterEvent, type FaultCounts, NO_FAULTS } from "../events/mod.ts";

/** Counts faults, and tells of each. */
export class Tally {
  readonly #emit: (event: ClusterEvent) => void;
  readonly #counts: { -readonly [K in keyof FaultCounts]: number } = { ...NO_FAULTS };

  constructor(emit: (event: ClusterEvent) => void) {
    this.#emit = emit;
  }

  /** So far. */
  get counts(): FaultCounts {
    return { ...this.#counts };
  }

  /** So many more of a kind. @param text for people; small ones have none */
  count(fault: keyof FaultCounts, count: number, text?: string): void {
    this.#counts[fault] += count;
    this.#emit({ type: "fault", fault, count, ...(text === undefined ? {} : { text }) });
  }
}
