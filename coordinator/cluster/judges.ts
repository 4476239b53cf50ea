// Two workers with the same fingerprint got different bits: who is asked, and what follows from what they say. Whoever is
// suspected never judges itself, and nobody is punished on the word of one stranger. Pure.
import type { Hand } from "./order.ts";

/** Who got which bits. */
export interface Vote<W> {
  readonly worker: W;
  /** SHA-256 of the answer. */
  readonly bits: string;
}

/** Whether two are one worker, perhaps on two connections. */
export function isSame(a: Hand, b: Hand): boolean {
  return a.standing === b.standing;
}

/** Strangers that judge together: with the two that differ they are five, of which three decide. */
const STRANGERS = 3;
const MAJORITY = 3;

/**
 * Who judges: a worker of this coordinator's own. Where the only one is a party to it and the other is not, it computes once
 * more, and its second word has to confirm the first. Else three others; else nobody can.
 * @param present those that are there, whoever is to be asked first in front
 */
export function chooseJury<W extends Hand>([first, second]: readonly [W, W], present: readonly W[]): W[] {
  const peers = present.filter(({ fingerprint }) => fingerprint === first.fingerprint);
  const others = peers.filter((worker) => !isSame(worker, first) && !isSame(worker, second));
  const own = others.find(({ isOwn }) => isOwn);
  if (own !== undefined) return [own];
  const [party, opponent] = first.isOwn ? [first, second] : [second, first];
  const again = peers.find((worker) => isSame(worker, party));
  if (party.isOwn && !opponent.isOwn && again !== undefined) return [again];
  const strangers = others.filter((worker, i) => others.findIndex((other) => isSame(other, worker)) === i);
  return strangers.length < STRANGERS ? [] : strangers.slice(0, STRANGERS);
}

/**
 * Who got it wrong: all that have other bits than the coordinator's own worker, or than three of five.
 * @param jury those that {@linkcode chooseJury} named, and what they got
 * @returns undefined if that decides nothing
 */
export function findWrong<W extends Hand>(
  parties: readonly [Vote<W>, Vote<W>],
  jury: readonly Vote<W>[],
): W[] | undefined {
  const votes = jury.length === STRANGERS ? [...parties, ...jury] : parties;
  const right = rightBits(votes, jury);
  if (right === undefined) return undefined;
  return votes.filter(({ bits }) => bits !== right).map(({ worker }) => worker);
}

function rightBits<W extends Hand>(votes: readonly Vote<W>[], jury: readonly Vote<W>[]): string | undefined {
  const [judge] = jury;
  if (jury.length === STRANGERS) {
    return votes.find(({ bits }) => votes.filter((vote) => vote.bits === bits).length >= MAJORITY)?.bits;
  }
  const isParty = judge !== undefined && votes.some(({ worker }) => isSame(worker, judge.worker));
  // A party's second word counts if it confirms what one of the two has said.
  return isParty ? votes.find(({ bits }) => bits === judge.bits)?.bits : judge?.bits;
}
