// One unit of work, a training step or an evaluation, as a state machine: it is told what happens and when, and says what is to
// be done. Who is asked for what is in schedule.ts, which answers are believed in opinions.ts, what is done with them in
// collector.ts; here they meet. Knows no socket and no clock.
import type { Frame } from "../../shared/frames.ts";
import type { Answer, Collector } from "./collector.ts";
import { type Blame, type Decisions, Draft, type StepEvent } from "./decisions.ts";
import { type Dispute, Opinions } from "./opinions.ts";
import type { Hand } from "./order.ts";
import { Schedule, type Work } from "./schedule.ts";

/** A step or evaluation under way, and what is known of it when it is over. */
export class Step<W extends Hand, Result> {
  readonly #work: Work;
  readonly #collect: () => Collector<Result>;
  readonly #weights: number | undefined;
  readonly #opinions = new Opinions<W>();
  /** Begun anew when a wrong answer is in the sum; undefined when the step is over. */
  #under: { readonly schedule: Schedule<W>; readonly collector: Collector<Result> } | undefined;

  /**
   * @param collect makes what collects the answers
   * @param weights checksum of those that are to be computed with; undefined if any will do
   */
  constructor(work: Work, collect: () => Collector<Result>, weights?: number) {
    this.#work = work;
    this.#collect = collect;
    this.#weights = weights;
    this.#under = { schedule: new Schedule(work), collector: collect() };
  }

  /** Takes notice of an event. @param now in milliseconds, on any clock that never goes back */
  handle(event: StepEvent<W>, now: number): Decisions<W, Result> {
    const draft = new Draft<W, Result>();
    if (this.#under === undefined) {
      if (event.type === "answer") this.#compareLate(event.worker, event.frame, draft);
      return draft;
    }
    switch (event.type) {
      case "join":
        for (const worker of event.workers) this.#under.schedule.join(worker);
        break;
      case "leave":
        this.#dismiss(event.worker, now, draft);
        break;
      case "answer":
        this.#answer(event.worker, event.frame, now, draft);
        break;
      case "accuse":
        this.#blame(event, now, draft);
        break;
      case "tick":
        break;
      default: {
        const unknown: never = event;
        throw new Error(`Unknown event: ${JSON.stringify(unknown)}`);
      }
    }
    this.#advance(now, draft);
    return draft;
  }

  /** Whether a worker still owes leaves. */
  owes(worker: W): boolean {
    return this.#under?.schedule.owes(worker) ?? false;
  }

  /** The leaves that a worker still owes. */
  owed(worker: W): number[] {
    return this.#under?.schedule.owed(worker) ?? [];
  }

  /** Gives out what is to be given out, or ends the step. */
  #advance(now: number, draft: Draft<W, Result>): void {
    const { schedule, collector } = this.#under!;
    for (const { worker, images, started } of schedule.takeOvertaken()) {
      draft.overtaken.push({ worker, images: this.#work.task === "train" ? images : 0, started });
      this.#dismiss(worker, now, draft);
    }
    if (schedule.isComplete && this.#opinions.isSettled) {
      draft.result = collector.result();
      this.#under = undefined;
      return;
    }
    for (const order of schedule.orders(now)) draft.give(order);
    const wakeAt = schedule.wakeAt(now);
    if (wakeAt !== undefined) draft.wakeAt = wakeAt;
  }

  #answer(worker: W, frame: Frame, now: number, draft: Draft<W, Result>): void {
    const { schedule, collector } = this.#under!;
    const answer = collector.check(frame);
    if (typeof answer === "string") {
      return this.#blame({ worker, reason: `it sent ${answer}`, fault: "badAnswers" }, now, draft);
    }
    if (this.#weights !== undefined && answer.frame.weights !== this.#weights) {
      return this.#blame({ worker, reason: "it computed with other weights", fault: "badAnswers" }, now, draft);
    }
    const opinion = this.#opinions.weigh(worker, answer, !schedule.hasOthers(worker));
    if (opinion.type === "doubted" || opinion.type === "judged") schedule.release(worker, answer.node, now);
    switch (opinion.type) {
      case "believed":
        if (opinion.wrong !== undefined) this.#blame({ ...opinion.wrong, fault: "unreproducedAnswers" }, now, draft);
        return this.#count(worker, answer, now, draft);
      case "disputed":
        this.#askJudge(opinion.dispute, now, draft);
        return this.#count(worker, answer, now, draft);
      case "doubted":
        return this.#askAnother(worker, answer, now, draft);
      case "judged": {
        const { dispute: { votes: [first, second] }, wrong, spoilt } = opinion;
        if (spoilt) this.#restart(draft);
        if (wrong === undefined) draft.undecided.push([first.worker, second.worker]);
        else this.#blame({ ...wrong, fault: "unreproducedAnswers" }, now, draft);
        return;
      }
      default: {
        const unknown: never = opinion;
        throw new Error(`Unknown opinion: ${JSON.stringify(unknown)}`);
      }
    }
  }

  /** Takes an answer, unless its leaves are in already. */
  #count(worker: W, answer: Answer, now: number, draft: Draft<W, Result>): void {
    const { schedule, collector } = this.#under!;
    if (schedule.answer(worker, answer.node, now) === "duplicate") {
      draft.faults.push({ fault: "duplicateAnswers", count: 1 });
      return;
    }
    this.#opinions.count(worker, answer);
    collector.add(answer);
    draft.isCounted = true;
  }

  /** Has a node computed by somebody else too, unless somebody does so anyway. */
  #askAnother(worker: W, { node }: Answer, now: number, draft: Draft<W, Result>): void {
    const { schedule } = this.#under!;
    if (schedule.isOwedByOthers(worker, node)) return;
    const order = schedule.recheck(node, { suspects: [worker], now });
    if (order !== undefined) draft.give(order);
  }

  /**
   * Asks a third worker that ought to get the same bits; where there is none, one of the two again: broken hardware seldom errs
   * twice in the same way.
   */
  #askJudge(dispute: Dispute<W>, now: number, draft: Draft<W, Result>): void {
    const [{ worker: first }, { worker: second }] = dispute.votes;
    const { fingerprint } = first;
    const order = this.#under!.schedule.recheck(dispute.node, { suspects: [first, second], fingerprint, now });
    if (order === undefined) return void draft.undecided.push([first, second]);
    this.#opinions.appoint(order.worker, dispute);
    draft.give(order);
  }

  #blame(charge: Omit<Blame<W>, "owed">, now: number, draft: Draft<W, Result>): void {
    const { worker, reason, fault } = charge;
    draft.blames.push({ worker, reason, fault, owed: this.#dismiss(worker, now, draft) });
  }

  /** Expects nothing more of a worker. @returns the leaves that it owed */
  #dismiss(worker: W, now: number, draft: Draft<W, Result>): number[] {
    const owed = this.#under!.schedule.leave(worker);
    for (const dispute of this.#opinions.leave(worker)) this.#askJudge(dispute, now, draft);
    return owed;
  }

  /** A wrong answer is in the sum: the workers that are there compute all of it again. */
  #restart(draft: Draft<W, Result>): void {
    const { workers } = this.#under!.schedule;
    const { start, end } = this.#work.wanted;
    draft.faults.push({ fault: "leavesReissued", count: end - start });
    const schedule = new Schedule<W>(this.#work);
    for (const worker of workers) schedule.join(worker);
    this.#under = { schedule, collector: this.#collect() };
    this.#opinions.clear();
  }

  /** What comes when all is over is used for nothing, but it may show that what was used is wrong. */
  #compareLate(worker: W, frame: Frame, draft: Draft<W, Result>): void {
    if (frame.kind !== "partial" || frame.weights !== this.#weights) return;
    const { level, index } = frame;
    const other = this.#opinions.compareLate(worker, { node: { level, index }, frame });
    if (other === undefined) return;
    if (other.isFinite) return void draft.undecided.push([other.first, worker]);
    const reason = "its gradient was not finite, and another worker's was";
    draft.blames.push({ worker, reason, fault: "unreproducedAnswers", owed: [] });
  }
}
