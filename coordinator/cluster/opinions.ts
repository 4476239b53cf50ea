// Whether an answer can be believed. What is not finite is believed once two workers get it. Workers with the same fingerprint
// must get the same bits for the same leaves: where two do not, others judge; and some answers are computed again by another
// worker to see whether it gets them too. Remembers who said what; what is done about it is step.ts's business.
import { type NodeId, nodeKey } from "../../shared/tree.ts";
import { findWrong, isSame, type Vote } from "./judges.ts";
import type { Hand } from "./order.ts";

/** An answer that is in the result; its bits are known where they may be compared. */
export interface Counted<W> {
  readonly worker: W;
  readonly node: NodeId;
  readonly bits: string | undefined;
}

/** What others are asked by having them compute a node again. */
export interface Question<W> {
  readonly node: NodeId;
  /** The answer that is in the result; and the one that differs, where there is one. */
  readonly parties: readonly [Vote<W>] | readonly [Vote<W>, Vote<W>];
  /** Those that were asked in vain. */
  readonly before: readonly W[];
}

interface Inquiry<W> extends Question<W> {
  /** With what they got, once they have answered. */
  readonly asked: Map<W, string | undefined>;
}

/** What is thought of an answer that is finite or not. */
export type Credit<W> =
  | { readonly type: "believed" }
  /** Another worker is to compute the node too. */
  | { readonly type: "doubted" }
  /** Believed; answers of these workers that were not finite turn out to be wrong. */
  | { readonly type: "refutes"; readonly workers: readonly W[] };

/** What those that were asked have said. */
export type Outcome<W> =
  /** Not all have answered. */
  | { readonly type: "open" }
  /** Somebody else gets the same bits. */
  | { readonly type: "confirmed" }
  /** Two differ: judges are to be asked. */
  | { readonly type: "disputed"; readonly parties: readonly [Vote<W>, Vote<W>] }
  /** Nobody can tell who of the two is right. */
  | { readonly type: "undecided"; readonly parties: readonly [W, W] }
  /** These have got it wrong. */
  | {
    readonly type: "judged";
    readonly wrong: readonly W[];
    /** A wrong answer is in the sum, and sums cannot be taken back: everything has to be computed again. */
    readonly spoilt: boolean;
  };

/** The answers to one unit of work, compared with each other. */
export class Opinions<W extends Hand> {
  readonly #counted = new Map<string, Counted<W>>();
  /** Who said that a node is not finite, and who said then that it is. */
  readonly #doubts = new Map<string, { readonly against: W[]; readonly inFavour: W[] }>();
  readonly #inquiries = new Map<string, Inquiry<W>>();

  /** Whether nobody is asked about what is in the result. */
  get isSettled(): boolean {
    return this.#inquiries.size === 0;
  }

  /** What is in the result. */
  get counted(): readonly Counted<W>[] {
    return [...this.#counted.values()];
  }

  /**
   * Weighs an answer that is finite or not. What is not finite has to be said by two. Against one who has said so, a worker of
   * the coordinator's own is believed, or two others; one stranger's word brings nobody a punishment.
   * @param isAlone whether there is nobody else to ask, or nobody who has not said anything yet
   */
  credit(worker: W, node: NodeId, { isFinite, isAlone }: { isFinite: boolean; isAlone(): boolean }): Credit<W> {
    const key = nodeKey(node);
    const doubts = this.#doubts.get(key);
    if (doubts === undefined) {
      if (isFinite) return { type: "believed" };
      this.#doubts.set(key, { against: [worker], inFavour: [] });
      return { type: "doubted" };
    }
    const { against, inFavour } = doubts;
    const others = (side: readonly W[]) => side.filter((one) => !isSame(one, worker));
    if (isFinite) {
      const isCertain = worker.isOwn || others(inFavour).length > 0;
      if (isCertain || isAlone()) {
        this.#doubts.delete(key);
        const workers = isCertain ? others(against) : [];
        return workers.length === 0 ? { type: "believed" } : { type: "refutes", workers };
      }
      inFavour.push(worker);
      return { type: "doubted" };
    }
    // Not finite for two, or for the only one twice: divergence, which the training loop names.
    if (others(against).length > 0 || (inFavour.length === 0 && isAlone())) {
      this.#doubts.delete(key);
      return { type: "believed" };
    }
    against.push(worker);
    return { type: "doubted" };
  }

  /** An answer is in the result. */
  count(counted: Counted<W>): void {
    this.#counted.set(nodeKey(counted.node), counted);
  }

  /** The answer that is in the result for a node, if its bits and those of this worker ought to be the same and are known. */
  peerOf(worker: W, node: NodeId): Vote<W> | undefined {
    const { worker: peer, bits } = this.#counted.get(nodeKey(node)) ?? {};
    if (peer === undefined || bits === undefined || peer.fingerprint !== worker.fingerprint) return undefined;
    return { worker: peer, bits };
  }

  /** Whether somebody is asked about a node. */
  isInQuestion(node: NodeId): boolean {
    return this.#inquiries.has(nodeKey(node));
  }

  /** Others are asked about a node. */
  ask({ node, parties, before }: Question<W>, workers: readonly W[]): void {
    const asked = new Map(workers.map((worker) => [worker, undefined]));
    this.#inquiries.set(nodeKey(node), { node, parties, asked, before });
  }

  /** Somebody who was asked has answered. @returns undefined if it is not waited for any more */
  hear(worker: W, node: NodeId, bits: string): Outcome<W> | undefined {
    const key = nodeKey(node);
    const inquiry = this.#inquiries.get(key);
    if (inquiry === undefined || !inquiry.asked.has(worker)) return undefined;
    const { parties: [first, second], asked } = inquiry;
    asked.set(worker, bits);
    if ([...asked.values()].includes(undefined)) return { type: "open" };
    this.#inquiries.delete(key);
    if (second === undefined) {
      return first.bits === bits ? { type: "confirmed" } : { type: "disputed", parties: [first, { worker, bits }] };
    }
    const jury = [...asked].map(([one, own]) => ({ worker: one, bits: own! }));
    const wrong = findWrong([first, second], jury);
    if (wrong === undefined) return { type: "undecided", parties: [first.worker, second.worker] };
    return { type: "judged", wrong: [...new Set(wrong)], spoilt: wrong.includes(first.worker) };
  }

  /** A worker will not say what it was asked. @returns the questions that are open by that: others may be asked */
  excuse(worker: W): Question<W>[] {
    const closed = [...this.#inquiries.values()].filter(({ asked }) =>
      asked.has(worker) && asked.get(worker) === undefined
    );
    for (const { node } of closed) this.#inquiries.delete(nodeKey(node));
    return closed.map(({ node, parties, before }) => ({ node, parties, before: [...before, worker] }));
  }

  /** Everything is computed again. */
  clear(): void {
    this.#counted.clear();
    this.#doubts.clear();
    this.#inquiries.clear();
  }
}
