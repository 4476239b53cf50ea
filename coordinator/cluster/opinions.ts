// Whether a gradient can be believed. Workers with the same fingerprint must get the same bits for the same leaves: where two
// do not, a third one judges. A gradient that is not finite is believed once two workers get it. Remembers who said what;
// what is done about it is step.ts's business.
import { allFinite } from "../../shared/sums.ts";
import { type NodeId, nodeKey } from "../../shared/tree.ts";
import type { Answer } from "./collector.ts";
import type { Hand } from "./order.ts";

/** Two workers got different bits, or one did twice; a judge's will be those of one of them. */
export interface Dispute<W> {
  readonly node: NodeId;
  readonly votes: readonly [Vote<W>, Vote<W>];
}

/** Who got which bits. */
interface Vote<W> {
  readonly worker: W;
  /** Equal for answers with the same bits. */
  readonly bits: number;
}

/** What follows from an answer. */
export type Opinion<W> =
  /** It is to be counted; where another worker's turns out to be wrong, that is named. */
  | { readonly type: "believed"; readonly wrong?: { readonly worker: W; readonly reason: string } }
  /** It is not to be counted for now: another worker is to compute the node too. */
  | { readonly type: "doubted" }
  /** Somebody else got other bits, which are counted: a third worker is to compute the node too. */
  | { readonly type: "disputed"; readonly dispute: Dispute<W> }
  /** It decides a dispute, and counts for nothing else. */
  | {
    readonly type: "judged";
    readonly dispute: Dispute<W>;
    /** Undefined if the judge agrees with nobody. */
    readonly wrong: { readonly worker: W; readonly reason: string } | undefined;
    /** The wrong answer is in the sum, and sums cannot be taken back: everything has to be computed again. */
    readonly spoilt: boolean;
  };

/** The answers to one unit of work, compared with each other. */
export class Opinions<W extends Hand> {
  /** Who answered a node with which bits. */
  readonly #counted = new Map<string, Vote<W>>();
  /** Whose gradients were not finite. */
  readonly #doubted = new Map<string, W>();
  readonly #disputes = new Map<string, Dispute<W> & { readonly judge: W }>();

  /** Whether nothing in the sum is disputed. */
  get isSettled(): boolean {
    return this.#disputes.size === 0;
  }

  /**
   * Compares an answer with what others got.
   * @param isAlone whether there is nobody else to ask
   */
  weigh(worker: W, answer: Answer, isAlone: boolean): Opinion<W> {
    const { node } = answer;
    const key = nodeKey(node);
    const bits = bitsOf(answer);
    const dispute = this.#disputes.get(key);
    if (dispute !== undefined && canJudge(dispute, worker)) {
      this.#disputes.delete(key);
      return judge(dispute, bits);
    }
    const earlier = this.#doubted.get(key);
    const finite = isFinite(answer.frame);
    if (earlier !== undefined && (earlier !== worker || isAlone)) {
      this.#doubted.delete(key);
      // Not finite for both: divergence, which the training loop names.
      if (!finite || earlier === worker) return { type: "believed" };
      const reason = "its gradient was not finite, and another worker's is";
      return { type: "believed", wrong: { worker: earlier, reason } };
    }
    if (!finite) {
      this.#doubted.set(key, worker);
      return { type: "doubted" };
    }
    const first = this.#counted.get(key);
    const differ = first !== undefined && first.bits !== bits && areComparable(first.worker, worker);
    if (dispute !== undefined || !differ) return { type: "believed" };
    return { type: "disputed", dispute: { node, votes: [first, { worker, bits }] } };
  }

  /** An answer is counted. */
  count(worker: W, answer: Answer): void {
    this.#counted.set(nodeKey(answer.node), { worker, bits: bitsOf(answer) });
  }

  /** A worker is asked to judge. */
  appoint(judge: W, dispute: Dispute<W>): void {
    this.#disputes.set(nodeKey(dispute.node), { ...dispute, judge });
  }

  /** A worker brings nothing more. @returns where it was the judge: another one is needed */
  leave(worker: W): Dispute<W>[] {
    const without = [...this.#disputes.values()].filter(({ judge }) => judge === worker);
    for (const { node } of without) this.#disputes.delete(nodeKey(node));
    return without;
  }

  /** Everything is computed again. */
  clear(): void {
    this.#counted.clear();
    this.#doubted.clear();
    this.#disputes.clear();
  }

  /**
   * Compares an answer that comes when all is over: it is used for nothing, but may show that the one that was used is wrong.
   * @returns what it was compared with, if it differs
   */
  compareLate(worker: W, answer: Answer): { readonly first: W; readonly isFinite: boolean } | undefined {
    const first = this.#counted.get(nodeKey(answer.node));
    if (first === undefined || first.bits === bitsOf(answer) || !areComparable(first.worker, worker)) return undefined;
    return { first: first.worker, isFinite: isFinite(answer.frame) };
  }
}

function judge<W>(dispute: Dispute<W>, bits: number): Opinion<W> {
  const [first, second] = dispute.votes;
  const loser = first.bits === bits ? second : second.bits === bits ? first : undefined;
  const wrong = loser && { worker: loser.worker, reason: "another worker does not get its gradient" };
  return { type: "judged", dispute, wrong, spoilt: loser === first };
}

/** Whoever is asked, or ought to get the same bits and has not answered yet. */
function canJudge<W extends Hand>({ judge, votes }: Dispute<W> & { readonly judge: W }, worker: W): boolean {
  return judge === worker || (votes.every((one) => one.worker !== worker) && areComparable(votes[0].worker, worker));
}

/** Equal for answers to the same order that have the same bits; predictions are not compared. */
function bitsOf({ frame }: Answer): number {
  return frame.kind === "partial" ? frame.crc ?? 0 : 0;
}

function isFinite(frame: Answer["frame"]): boolean {
  return frame.kind === "predictions" || (allFinite(frame.gradient) && allFinite(frame.losses));
}

function areComparable(a: Hand, b: Hand): boolean {
  return a.fingerprint === b.fingerprint;
}
