// What wrong answers lead to: a strike for whoever gave them, exclusion after too many, and doubt in what has been computed so far.
import { HerdError } from "../../shared/errors.ts";
import type { ClusterEvent } from "../events/mod.ts";
import type { Blame } from "./decisions.ts";
import type { Member } from "./member.ts";
import type { Roll } from "./roll.ts";
import type { Tally } from "./tally.ts";
import { sayBad, sayUndecided, type Whereabouts } from "./wording.ts";

/** Whom strikes are given to, and who hears of them. */
export interface DisciplineOptions {
  readonly roll: Roll;
  readonly tally: Tally;
  emit(event: ClusterEvent): void;
  /** A worker may stay, and begins anew. */
  onSpared(member: Member): void;
}

/** The strikes and doubts of a run. */
export class Discipline {
  readonly #options: DisciplineOptions;
  #isUndisputed = true;

  constructor(options: DisciplineOptions) {
    this.#options = options;
  }

  /** False once two workers have got different bits where the same were to be expected. */
  get isUndisputed(): boolean {
    return this.#isUndisputed;
  }

  /** Two workers have got different bits, and nobody can tell who is right. */
  leaveUndecided(first: Member, second: Member, isOver: boolean): void {
    this.#isUndisputed = false;
    const { tally } = this.#options;
    tally.count("unreproducedAnswers", 1);
    tally.count("undecidedDisputes", 1, sayUndecided(first, second, isOver));
  }

  /** Counts a strike. */
  punish(blame: Blame<Member>, at: Whereabouts | undefined): void {
    const { worker, fault, isJudged = false } = blame;
    if (worker.standing.isExcluded) return; // once for a process
    const { roll, tally, emit, onSpared } = this.#options;
    const story = sayBad(blame, at);
    if (isJudged) this.#sayTainted(worker);
    if (roll.strike(worker, isJudged)) {
      tally.count(fault, 1);
      tally.count("workersExcluded", 1);
      emit({ type: "worker", what: "excluded", worker: worker.info, reason: `it ${story}; it is excluded` });
      // It may have connected anew meanwhile.
      for (const twin of roll.namesakes(worker)) roll.lose(twin, new HerdError("cluster", "it is excluded"));
      return;
    }
    tally.count(fault, 1, `Worker  ${worker.description} ${story}`);
    onSpared(worker);
  }

  /** A worker's bits are wrong: everything since its first answer is in doubt. */
  #sayTainted({ id, host, standing }: Member): void {
    const { since, hasCounted } = standing;
    if (since !== undefined) this.#options.emit({ type: "taint", worker: id, host, since });
    // A relay does not know the place in the run: it must not vouch for its sums any more.
    else if (hasCounted) this.#isUndisputed = false;
    standing.since = undefined; // said once
  }
}
