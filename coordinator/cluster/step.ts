// One unit of work, a training step or an evaluation, as a state machine: it is told what happens and when, and says what is to
// be done. Who is asked for what is in schedule.ts, which answers are waited for in answers.ts, which are believed in
// opinions.ts and judges.ts, which are looked at in spot_checks.ts, what is done with them in collector.ts; here they meet.
// Knows no socket and no clock.
import type { Frame } from "../../shared/frames.ts";
import { type NodeId, nodeRange } from "../../shared/tree.ts";
import { bitsOf, GivenOrders, isFinite } from "./answers.ts";
import type { Answer, Collection, Collector } from "./collector.ts";
import { type Charge, type Decisions, Draft, type StepEvent } from "./decisions.ts";
import { chooseJury, isSame, type Vote } from "./judges.ts";
import { Opinions, type Question } from "./opinions.ts";
import { Attempts, type Hand, type Order } from "./order.ts";
import { Schedule, type Work } from "./schedule.ts";
import type { StepChecks } from "./spot_checks.ts";

/** What a step is made from. */
export interface StepOptions<W, Result> {
  readonly work: Work;
  readonly collection: Collection<Result>;
  /** Checksum of the weights that are to be computed with; undefined if any will do. */
  readonly weights: number | undefined;
  /** Whose answers are to be computed again. */
  readonly checks: StepChecks<object>;
  /** Whether equal fingerprints mean equal bits. */
  readonly isComparable: boolean;
}

/** So many are asked the same in vain: who is asked and goes away, again and again, must not hold a step up for ever. */
const MOST_ASKED = 6;

/** A step or evaluation under way, and what is known of it when it is over. */
export class Step<W extends Hand, Result> {
  readonly #options: StepOptions<W, Result>;
  readonly #attempts = new Attempts();
  readonly #given = new GivenOrders<W>();
  readonly #opinions = new Opinions<W>();
  /** Begun anew when a wrong answer is in the sum; undefined when the step is over. */
  #under: { readonly schedule: Schedule<W>; readonly collector: Collector<Result> } | undefined;
  /** Whether it has been chosen which answers are computed again. */
  #isChosen = false;

  constructor(options: StepOptions<W, Result>) {
    this.#options = options;
    const { work, collection } = options;
    this.#under = { schedule: new Schedule(work, this.#attempts), collector: collection.begin() };
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

  /** Nobody wants its result any more. */
  abandon(): void {
    this.#under = undefined;
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
      draft.overtaken.push({ worker, images: this.#options.work.task === "train" ? images : 0, started });
      this.#release(worker, now, draft);
    }
    for (const { worker, started } of schedule.takeLateChecks(now)) {
      draft.overtaken.push({ worker, images: 0, started });
      this.#release(worker, now, draft);
    }
    // Only now: until all have answered nobody is to see what is looked at.
    if (schedule.isComplete && this.#opinions.isSettled && !this.#isChosen) this.#beginChecks(now, draft);
    if (schedule.isComplete && this.#opinions.isSettled) {
      draft.result = collector.result();
      draft.contributors = this.#contributors();
      this.#under = undefined;
      return;
    }
    for (const order of schedule.orders(now)) this.#give(order, draft);
    if (schedule.hasLateChecks) return this.#advance(now, draft);
    const wakeAt = schedule.wakeAt(now);
    if (wakeAt !== undefined) draft.wakeAt = wakeAt;
  }

  /** Those whose answers are in the result, with the leaves of these. */
  #contributors(): Map<W, number> {
    const leaves = this.#options.work.bounds.length - 1;
    const found = new Map<W, number>();
    for (const { worker, node } of this.#opinions.counted) {
      const { start, end } = nodeRange(leaves, node);
      found.set(worker, (found.get(worker) ?? 0) + end - start);
    }
    return found;
  }

  #give(order: Order<W>, draft: Draft<W, Result>): void {
    this.#given.give(order, this.#under!.schedule.nodesOf(order));
    draft.give(order);
  }

  #answer(worker: W, frame: Frame, now: number, draft: Draft<W, Result>): void {
    const answer = this.#options.collection.check(frame);
    if (typeof answer === "string") return this.#blameFor(worker, `it sent ${answer}`, now, draft);
    const { weights } = this.#options;
    if (weights !== undefined && answer.frame.weights !== weights) {
      return this.#blameFor(worker, "it computed with other weights", now, draft);
    }
    const claim = this.#given.claim(worker, answer);
    switch (claim.type) {
      case "unasked":
        return this.#blameFor(worker, `it sent ${claim.what}`, now, draft);
      case "repeated":
        return void draft.faults.push({ fault: "duplicateAnswers", count: 1 });
      case "stale":
        return void draft.faults.push({ fault: "staleAnswers", count: 1 });
      case "due": {
        const { order } = claim;
        if (order.because === "check") return this.#hear(order, answer, now, draft);
        return this.#weigh(order, answer, now, draft);
      }
      default: {
        const unknown: never = claim;
        throw new Error(`Unknown claim: ${JSON.stringify(unknown)}`);
      }
    }
  }

  /** Takes an answer into the result, if it is believed and its leaves are not in it already. */
  #weigh(order: Order<W>, answer: Answer, now: number, draft: Draft<W, Result>): void {
    const { schedule, collector } = this.#under!;
    const { worker } = order;
    const { node, frame } = answer;
    const isAlone = () => !schedule.hasOthers(worker, node); // seldom asked: it looks at all workers
    const credit = this.#opinions.credit(worker, node, { isFinite: isFinite(frame), isAlone });
    if (credit.type === "doubted") {
      schedule.release(order, node, now);
      return this.#askAnother(worker, node, now, draft);
    }
    if (credit.type === "refutes") {
      const reason = "its numbers were not finite, and those of others are";
      for (const worker of credit.workers) this.#blame({ worker, reason, fault: "unreproducedAnswers" }, now, draft);
    }
    const isWatched = this.#options.isComparable &&
      (schedule.isOwedByOthers(worker, node) || this.#options.checks.mayChoose(worker.standing));
    if (schedule.answer(order, node, now) === "used") {
      // The bits are asked for before the sum takes the numbers over.
      this.#opinions.count({ worker, node, bits: isWatched ? bitsOf(frame) : undefined });
      collector.add(answer);
      draft.isCounted = true;
      return;
    }
    draft.faults.push({ fault: "duplicateAnswers", count: 1 });
    this.#compare(worker, answer, now, draft);
  }

  /** An answer that is not counted ought to be the same as the one that is. */
  #compare(worker: W, { node, frame }: Answer, now: number, draft: Draft<W, Result>): void {
    const peer = this.#peerOf(worker, node);
    if (peer === undefined || this.#opinions.isInQuestion(node)) return;
    const bits = bitsOf(frame);
    if (bits !== peer.bits) this.#ask({ node, parties: [peer, { worker, bits }], before: [] }, now, draft);
  }

  /** Somebody else's answer that is in the result and ought to be the same. */
  #peerOf(worker: W, node: NodeId): Vote<W> | undefined {
    return this.#options.isComparable ? this.#opinions.peerOf(worker, node) : undefined;
  }

  /** Has a node computed by somebody else too, unless somebody does so anyway; by the same one if there is nobody else. */
  #askAnother(worker: W, node: NodeId, now: number, draft: Draft<W, Result>): void {
    const { schedule } = this.#under!;
    if (schedule.isOwedByOthers(worker, node)) return;
    const others = schedule.trustedWith(node).filter((one) => !isSame(one, worker));
    const rest = schedule.workers.filter((one) => !isSame(one, worker));
    const [asked] = this.#byLoad([others, rest, schedule.workers].find(({ length }) => length > 0) ?? []);
    if (asked !== undefined) this.#give(schedule.ask(asked, node, "doubt", now), draft);
  }

  #byLoad(workers: readonly W[]): W[] {
    const { schedule } = this.#under!;
    return workers.toSorted((a, b) => schedule.loadOf(a) - schedule.loadOf(b));
  }

  /** The coordinator's own in front, the least busy first; then the others. */
  #byTrust(): W[] {
    const workers = this.#byLoad(this.#options.checks.mix(this.#under!.schedule.workers));
    return workers.toSorted((a, b) => Number(b.isOwn) - Number(a.isOwn));
  }

  /** All answers are in: some of them are computed again by others. */
  #beginChecks(now: number, draft: Draft<W, Result>): void {
    this.#isChosen = true;
    const answers = Map.groupBy(
      this.#opinions.counted.filter(({ bits }) => bits !== undefined),
      ({ worker }) => worker.standing,
    );
    for (const [standing, own] of answers) {
      for (const i of this.#options.checks.choose(standing, own.length)) {
        const { worker, node, bits } = own[i]!;
        this.#ask({ node, parties: [{ worker, bits: bits! }], before: [] }, now, draft);
      }
    }
  }

  /** Has a node computed again by whoever can tell whether it is right. */
  #ask(question: Question<W>, now: number, draft: Draft<W, Result>): void {
    const { node, parties, before } = question;
    const { schedule } = this.#under!;
    const [first, second] = parties;
    const isNew = (one: W) => !before.some((other) => isSame(one, other));
    const present = before.length < MOST_ASKED ? this.#byTrust().filter(isNew) : [];
    const asked = second === undefined
      ? present.filter((one) => !isSame(one, first.worker) && one.fingerprint === first.worker.fingerprint).slice(0, 1)
      : chooseJury([first.worker, second.worker], present);
    if (asked.length > 0) this.#opinions.ask(question, asked);
    else if (second === undefined) draft.checked.impossible++;
    else draft.undecided.push([first.worker, second.worker]);
    for (const worker of asked) this.#give(schedule.ask(worker, node, "check", now), draft);
  }

  /** Somebody who was asked about an answer has computed it again. */
  #hear(order: Order<W>, { node, frame }: Answer, now: number, draft: Draft<W, Result>): void {
    this.#under!.schedule.settle(order, node, now);
    const outcome = this.#opinions.hear(order.worker, node, bitsOf(frame));
    // Nobody waits for it any more, but it may show something.
    if (outcome === undefined) return this.#compare(order.worker, { node, frame }, now, draft);
    if (outcome.type === "open") return;
    if (outcome.type === "confirmed" || outcome.type === "disputed") draft.checked.compared++;
    if (outcome.type === "disputed") {
      draft.checked.differing++;
      return this.#ask({ node, parties: outcome.parties, before: [] }, now, draft);
    }
    if (outcome.type === "undecided") draft.undecided.push(outcome.parties);
    if (outcome.type !== "judged") return;
    if (outcome.spoilt) this.#restart(draft);
    for (const worker of outcome.wrong) {
      const reason = `others do not get its ${frame.kind === "partial" ? "gradient" : "predictions"}`;
      this.#blame({ worker, reason, fault: "unreproducedAnswers", isJudged: true }, now, draft);
    }
  }

  #blameFor(worker: W, reason: string, now: number, draft: Draft<W, Result>): void {
    this.#blame({ worker, reason, fault: "badAnswers" }, now, draft);
  }

  #blame({ worker, reason, fault, isJudged = false }: Charge<W>, now: number, draft: Draft<W, Result>): void {
    draft.blames.push({ worker, reason, fault, isJudged, owed: this.#dismiss(worker, now, draft) });
  }

  /** What a worker was asked for is not waited for, and not looked at any more. @returns the leaves that it owed */
  #dismiss(worker: W, now: number, draft: Draft<W, Result>): number[] {
    this.#given.withdraw(worker);
    return this.#release(worker, now, draft);
  }

  /** Expects nothing more of a worker. @returns the leaves that it owed */
  #release(worker: W, now: number, draft: Draft<W, Result>): number[] {
    const owed = this.#under!.schedule.leave(worker);
    for (const question of this.#opinions.excuse(worker)) this.#ask(question, now, draft);
    return owed;
  }

  /** A wrong answer is in the sum: the workers that are there compute all of it again. */
  #restart(draft: Draft<W, Result>): void {
    const { workers } = this.#under!.schedule;
    const { work, collection } = this.#options;
    const { start, end } = work.wanted;
    draft.faults.push({ fault: "leavesReissued", count: end - start });
    const schedule = new Schedule<W>(work, this.#attempts);
    for (const worker of workers) schedule.join(worker);
    this.#under = { schedule, collector: collection.begin() };
    this.#given.withdrawAll();
    this.#opinions.clear();
    this.#isChosen = false;
  }

  /** What comes when all is over is used for nothing, but it may show that what was used is wrong. */
  #compareLate(worker: W, frame: Frame, draft: Draft<W, Result>): void {
    const answer = this.#options.collection.check(frame);
    if (typeof answer === "string" || answer.frame.weights !== this.#options.weights) return;
    const claim = this.#given.claim(worker, answer);
    if (claim.type === "unasked") {
      const reason = `it sent ${claim.what}`;
      return void draft.blames.push({ worker, reason, fault: "badAnswers", owed: [] });
    }
    const peer = this.#peerOf(worker, answer.node);
    if (claim.type !== "due" || peer === undefined || bitsOf(answer.frame) === peer.bits) return;
    draft.undecided.push([peer.worker, worker]);
  }
}
