// What a step is told and what it says, as plain data.
import type { Frame } from "../../shared/frames.ts";
import type { FaultCounts } from "../events/mod.ts";
import type { Order } from "./order.ts";

/** What happens to a step. */
export type StepEvent<W> =
  /** Workers can take orders. */
  | { readonly type: "join"; readonly workers: readonly W[] }
  /** A worker is gone. */
  | { readonly type: "leave"; readonly worker: W }
  /** A frame has come from a worker. */
  | { readonly type: "answer"; readonly worker: W; readonly frame: Frame }
  /** A worker turns out to have got something wrong: what it owes is not waited for. It may join again. */
  | { readonly type: "accuse" } & Charge<W>
  /** Nothing but time. */
  | { readonly type: "tick" };

/** What is counted when a worker is to blame. */
export type BadFault = "badAnswers" | "unreproducedAnswers";

/** What a worker has got wrong. */
export interface Charge<W> {
  readonly worker: W;
  /** What follows "it": "sent 7 gradient values". */
  readonly reason: string;
  readonly fault: BadFault;
  /** Whether its bits were judged to be wrong: it is not let in any more. */
  readonly isJudged?: boolean;
}

/** A worker has got something wrong. It takes no part in the step until it joins again. */
export interface Blame<W> extends Charge<W> {
  /** The leaves that it owed, which are given out again. */
  readonly owed: readonly number[];
}

/** What became of answers that were computed again by somebody else. */
export interface Checked {
  /** Nodes of which another worker has the bits too, or other ones. */
  readonly compared: number;
  /** Nodes that nobody else could compute. */
  readonly impossible: number;
  /** Those of the compared ones of which another worker has other bits. */
  readonly differing: number;
}

/** Others have answered all that a worker was asked for. It takes no part in the step until it joins again. */
export interface Overtaken<W> {
  readonly worker: W;
  /** Of the order; 0 if it is no measure of a training step. */
  readonly images: number;
  /** When the worker took the order up. */
  readonly started: number;
}

/** What is to be done, in this order. */
export interface Decisions<W, Result> {
  readonly faults: readonly { readonly fault: keyof FaultCounts; readonly count: number }[];
  readonly overtaken: readonly Overtaken<W>[];
  readonly orders: readonly Order<W>[];
  /** Pairs of workers that got different bits for the same leaves, where nobody can tell who is right; or one that did twice. */
  readonly undecided: readonly (readonly [W, W])[];
  readonly blames: readonly Blame<W>[];
  readonly checked: Checked;
  /** Whether an answer is in the result now. */
  readonly isCounted: boolean;
  /** Set when the step is over, with those whose answers are in it, and of how many leaves. */
  readonly result?: Result;
  readonly contributors?: ReadonlyMap<W, number>;
  /** When to tell the step that time has passed, if nothing else happens before. */
  readonly wakeAt?: number;
}

/** Decisions in the making. */
export class Draft<W, Result> implements Decisions<W, Result> {
  readonly faults: { readonly fault: keyof FaultCounts; readonly count: number }[] = [];
  readonly overtaken: Overtaken<W>[] = [];
  readonly orders: Order<W>[] = [];
  readonly undecided: (readonly [W, W])[] = [];
  readonly blames: Blame<W>[] = [];
  readonly checked = { compared: 0, impossible: 0, differing: 0 };
  isCounted = false;
  result?: Result;
  contributors?: ReadonlyMap<W, number>;
  wakeAt?: number;

  /** An order is given out; one that mends something is counted. */
  give(order: Order<W>): void {
    const count = order.range.end - order.range.start;
    this.orders.push(order);
    if (order.because === "late") this.faults.push({ fault: "leavesDuplicated", count });
    else if (order.because === "lost" || order.because === "doubt") {
      this.faults.push({ fault: "leavesReissued", count });
    }
  }
}
