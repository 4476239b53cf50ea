// What a step deals in: workers as it sees them, and the orders that it gives them.
import { type NodeId, type Range, subtreesIn } from "../../shared/tree.ts";
import type { Pace } from "./pace.ts";

/** A worker as a step sees it; the same object for the same connection. */
export interface Hand {
  /** The same object for the same worker, whatever its connection. */
  readonly standing: object;
  /** What its orders have taken; a training step records what its own take. */
  readonly pace: Pace;
  /** Those with equal ones must get equal bits. */
  readonly fingerprint: string;
  /** Whether this coordinator started it, on this machine: its word decides where others differ. */
  readonly isOwn: boolean;
}

/** Leaves for a worker to compute. */
export interface Order<W> {
  readonly worker: W;
  readonly range: Range;
  /** Why it is given out; what a check brings is compared and not counted. */
  readonly because: "first" | "lost" | "late" | "doubt" | "check";
  /** Its number within the step, from 1: answers carry it. */
  readonly attempt: number;
}

/** Numbers the orders of a step. */
export class Attempts {
  #last = 0;

  /** The next number. */
  next(): number {
    return ++this.#last;
  }
}

/** What the answers to an order are for: subtrees in training, and single leaves in a test. @param leaves of the whole tree */
export function nodesIn({ start, end }: Range, task: "train" | "evaluate", leaves: number): NodeId[] {
  if (task === "train") return subtreesIn(leaves, { start, end });
  return Array.from({ length: end - start }, (_, i) => ({ level: 0, index: start + i }));
}
