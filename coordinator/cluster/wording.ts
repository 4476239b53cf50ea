// What people are told of workers that fail.
import type { Blame } from "./decisions.ts";
import type { Member } from "./member.ts";
import type { Work } from "./schedule.ts";
import type { Samples } from "./share.ts";

/** What is under way, as people know it. */
export interface Whereabouts extends Pick<Samples, "epoch" | "position"> {
  readonly task: Work["task"];
}

/** "leaves 8, 9, 10 of epoch 2, step 5" */
function describeLeaves(leaves: readonly number[], { epoch, position, task }: Whereabouts): string {
  const training = position === undefined ? "a step" : `step ${position.step}`;
  const where = task === "evaluate" ? "test" : training;
  return `${leaves.length === 1 ? "leaf" : "leaves"} ${leaves.join(", ")} of epoch ${epoch}, ${where}`;
}

/**
 * Why a worker is gone, and what becomes of what it owed.
 * @param others that can compute it
 */
export function sayLost(reason: string, owed: readonly number[], others: readonly Member[], at?: Whereabouts): string {
  if (owed.length === 0 || at === undefined) return reason;
  const wait = owed.length === 1 ? "waits" : "wait";
  const go = `${owed.length === 1 ? "goes" : "go"} to ${others.map(({ id }) => id).join(", ")}`;
  return `${reason}; it had ${describeLeaves(owed, at)}, which ${others.length === 0 ? wait : go}`;
}

/** What a worker has done wrong, after its name. */
export function sayBad({ reason, owed }: Blame<Member>, at?: Whereabouts): string {
  const what = owed.length === 0 || at === undefined ? "" : `; ${describeLeaves(owed, at)} are given out again`;
  return `gave a bad answer: ${reason}${what}`;
}

/** Two workers differ, or one with itself. */
export function sayUndecided(first: Member, second: Member, isOver: boolean): string {
  const who = first === second ? `${first.description} twice` : `${first.description} and ${second.description}`;
  const where = isOver ? " of a step that is over" : "";
  return `Worker  ${who} got different bits for the same leaves${where}: bit-identity is off`;
}
