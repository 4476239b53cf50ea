// What a step deals in: workers as it sees them, and the orders that it gives them.
import type { Range } from "../../shared/tree.ts";
import type { Pace } from "./pace.ts";

/** A worker as a step sees it; the same object for the same worker. */
export interface Hand {
  /** What its orders have taken; a training step records what its own take. */
  readonly pace: Pace;
  /** Those with equal ones must get equal bits. */
  readonly fingerprint: string;
}

/** Leaves for a worker to compute. */
export interface Order<W> {
  readonly worker: W;
  readonly range: Range;
  /** Why it is given out. */
  readonly because: "first" | "lost" | "late" | "doubt";
}
