// Whether a gradient can be believed. Workers with the same fingerprint must get the same bits for the same leaves: where two
// do not, a third one judges. A gradient that is not finite is believed once two workers get it.
import type { Frame } from "../../shared/frames.ts";
import { type NodeId, nodeKey } from "../../shared/tree.ts";
import type { Member } from "./member.ts";
import { allFinite } from "./reduce.ts";
import type { Order, StepSchedule } from "./step_schedule.ts";
import type { Answer } from "./collector.ts";

/** What follows from second opinions. */
export interface Consequences {
  /** Somebody is asked for one. */
  onAsked(order: Order<Member>): void;
  /** A worker's answer was wrong. */
  onWrong(member: Member, reason: string): void;
  /** Two workers, or one twice, got different bits, and nobody can tell who is right. */
  onUndecided(first: Member, second: Member): void;
  /** A wrong answer is in the sum, and sums cannot be taken back: everything has to be computed again. */
  onSpoilt(): void;
}

interface Ballot {
  readonly member: Member;
  /** Equal for answers with the same bits. */
  readonly bits: number;
}

/** Two workers got different bits; the judge's will be those of one of them. */
interface Dispute {
  readonly node: NodeId;
  readonly votes: readonly [Ballot, Ballot];
  readonly judge: Member;
}

/** The answers to one unit of work, compared with each other. */
export class SecondOpinions {
  readonly #schedule: () => StepSchedule<Member>;
  readonly #consequences: Consequences;
  /** Who answered a node with which bits. */
  readonly #counted = new Map<string, Ballot>();
  /** Whose gradients were not finite. */
  readonly #doubted = new Map<string, Member>();
  readonly #disputes = new Map<string, Dispute>();

  /** @param schedule who computes what at the moment */
  constructor(schedule: () => StepSchedule<Member>, consequences: Consequences) {
    this.#schedule = schedule;
    this.#consequences = consequences;
  }

  /** Whether nothing in the sum is disputed. */
  get settled(): boolean {
    return this.#disputes.size === 0;
  }

  /** Compares an answer with what others got. @returns whether it is to be counted now */
  believes(member: Member, answer: Answer): boolean {
    const { node } = answer;
    const key = nodeKey(node);
    const bits = bitsOf(answer);
    const now = performance.now();
    const schedule = this.#schedule();
    const dispute = this.#disputes.get(key);
    if (dispute !== undefined && canJudge(dispute, member)) {
      schedule.release(member, node, now);
      this.#settle(dispute, bits);
      return false;
    }
    const earlier = this.#doubted.get(key);
    const finite = isFinite(answer.frame);
    if (earlier !== undefined && (earlier !== member || !schedule.hasOthers([member]))) {
      this.#doubted.delete(key);
      const reason = "its gradient was not finite, and another worker's is";
      if (finite && earlier !== member) this.#consequences.onWrong(earlier, reason);
      return true; // not finite for both: divergence, which the training loop names
    }
    if (!finite) {
      this.#doubted.set(key, member);
      schedule.release(member, node, now);
      const order = schedule.isOwed(node, [member]) ? undefined : schedule.recheck([member], node, now);
      if (order !== undefined) this.#consequences.onAsked(order);
      return false;
    }
    const first = this.#counted.get(key);
    if (dispute === undefined && first !== undefined && first.bits !== bits && areComparable(first.member, member)) {
      this.#dispute(node, [first, { member, bits }]);
    }
    return true;
  }

  /** An answer is counted. */
  count(member: Member, answer: Answer): void {
    this.#counted.set(nodeKey(answer.node), { member, bits: bitsOf(answer) });
  }

  /** A worker brings nothing more: where it was the judge, another one is asked. */
  leave(member: Member): void {
    for (const [key, { node, votes, judge }] of this.#disputes) {
      if (judge !== member) continue;
      this.#disputes.delete(key);
      this.#dispute(node, votes);
    }
  }

  /** Everything is computed again. */
  clear(): void {
    this.#counted.clear();
    this.#doubted.clear();
    this.#disputes.clear();
  }

  /** An answer that comes when all is over is used for nothing, but it may show that the one that was used is wrong. */
  compareLate(member: Member, frame: Frame): void {
    if (frame.kind !== "partial") return;
    const first = this.#counted.get(nodeKey(frame));
    if (first === undefined || first.bits === frame.crc || !areComparable(first.member, member)) return;
    if (isFinite(frame)) this.#consequences.onUndecided(first.member, member);
    else this.#consequences.onWrong(member, "its gradient was not finite, and another worker's was");
  }

  /**
   * Asks a third worker that ought to get the same bits; where there is none, one of the two again: broken hardware seldom errs
   * twice in the same way.
   */
  #dispute(node: NodeId, votes: Dispute["votes"]): void {
    const suspects = votes.map(({ member }) => member);
    const isFit = (member: Member) => areComparable(member, suspects[0]!);
    const order = this.#schedule().recheck(suspects, node, performance.now(), isFit);
    if (order === undefined) return this.#consequences.onUndecided(votes[0].member, votes[1].member);
    this.#disputes.set(nodeKey(node), { node, votes, judge: order.worker });
    this.#consequences.onAsked(order);
  }

  #settle({ node, votes: [first, second] }: Dispute, bits: number): void {
    this.#disputes.delete(nodeKey(node));
    const wrong = first.bits === bits ? second : second.bits === bits ? first : undefined;
    if (wrong === undefined) return this.#consequences.onUndecided(first.member, second.member);
    if (wrong === first) this.#consequences.onSpoilt();
    this.#consequences.onWrong(wrong.member, "another worker does not get its gradient");
  }
}

/** Whoever is asked, or ought to get the same bits and has not answered yet. */
function canJudge({ judge, votes }: Dispute, member: Member): boolean {
  return judge === member || (votes.every((one) => one.member !== member) && areComparable(votes[0].member, member));
}

/** Equal for answers to the same order that have the same bits; predictions are not compared. */
function bitsOf({ frame }: Answer): number {
  return frame.kind === "partial" ? frame.crc ?? 0 : 0;
}

function isFinite(frame: Answer["frame"]): boolean {
  return frame.kind === "predictions" || (allFinite(frame.gradient) && allFinite(frame.losses));
}

function areComparable(a: Member, b: Member): boolean {
  return a.ready?.fingerprint === b.ready?.fingerprint;
}
