// Which answers are waited for: a worker may answer an order that it was given, for the nodes that it was asked for, once.
import { createHash } from "node:crypto";
import type { PartialFrame, PredictionsFrame } from "../../shared/frames.ts";
import { allFinite } from "../../shared/sums.ts";
import { type NodeId, nodeKey } from "../../shared/tree.ts";
import type { Answer } from "./collector.ts";
import type { Order } from "./order.ts";

/** What an answer is to the orders that were given. */
export type Claim<W> =
  /** To this order, and the first for its node. */
  | { readonly type: "due"; readonly order: Order<W> }
  /** Sent a second time. */
  | { readonly type: "repeated" }
  /** To an order that is not waited for any more: nobody is to blame. */
  | { readonly type: "stale" }
  /** Nobody has asked for it; what it is, for people. */
  | { readonly type: "unasked"; readonly what: string };

interface Given<W> {
  readonly order: Order<W>;
  readonly nodes: ReadonlySet<string>;
  /** Those of the nodes that are not answered yet. */
  readonly open: Set<string>;
  isWithdrawn: boolean;
}

/** The orders of one unit of work, and what has come for them. */
export class GivenOrders<W> {
  readonly #given = new Map<number, Given<W>>();
  readonly #byWorker = new Map<W, Given<W>[]>();

  /** An order is given out, for these nodes. */
  give(order: Order<W>, nodes: readonly NodeId[]): void {
    const keys = nodes.map(nodeKey);
    const given = { order, nodes: new Set(keys), open: new Set(keys), isWithdrawn: false };
    this.#given.set(order.attempt, given);
    const own = this.#byWorker.get(order.worker);
    if (own === undefined) this.#byWorker.set(order.worker, [given]);
    else own.push(given);
  }

  /** What a worker was asked for so far is not waited for any more. */
  withdraw(worker: W): void {
    for (const given of this.#byWorker.get(worker) ?? []) given.isWithdrawn = true;
  }

  /** Nothing that was asked for so far is waited for any more. */
  withdrawAll(): void {
    for (const given of this.#given.values()) given.isWithdrawn = true;
  }

  /** Takes an answer off its order. */
  claim(worker: W, { node, frame: { attempt } }: Answer): Claim<W> {
    const given = this.#given.get(attempt);
    if (given === undefined || given.order.worker !== worker) {
      return { type: "unasked", what: `an answer to order ${attempt}, which it was not given` };
    }
    const key = nodeKey(node);
    if (!given.nodes.has(key)) {
      return { type: "unasked", what: `an answer for node ${key}, for which order ${attempt} did not ask` };
    }
    if (!given.open.delete(key)) return { type: "repeated" };
    return given.isWithdrawn ? { type: "stale" } : { type: "due", order: given.order };
  }
}

/** SHA-256, in hexadecimal, of what an answer says: equal for answers with the same bits. */
export function bitsOf(frame: PartialFrame | PredictionsFrame): string {
  const hash = createHash("sha256");
  const parts = [frame.losses, frame.logits, ...(frame.kind === "partial" ? [frame.gradient] : [])];
  for (const { buffer, byteOffset, byteLength } of parts) hash.update(new Uint8Array(buffer, byteOffset, byteLength));
  return hash.digest("hex");
}

/** Whether all numbers of an answer are finite. */
export function isFinite(frame: PartialFrame | PredictionsFrame): boolean {
  if (!allFinite(frame.losses) || !allFinite(frame.logits)) return false;
  return frame.kind === "predictions" || allFinite(frame.gradient);
}
