// --trace: tells what the coordinator and its workers did in each step and test, by the coordinator's clock. What workers say comes
// with their answers, and is told when the step is over.
import type { Frame } from "../../shared/frames.ts";
import type { WorkerMessage } from "../../shared/protocol.ts";
import { nodeRange } from "../../shared/tree.ts";
import type { ClusterEvent, Position, TracedSpan } from "../events/mod.ts";
import { ClockOffset } from "./clock_offset.ts";
import type { Member } from "./member.ts";
import { nodesIn, type Order } from "./order.ts";
import { type Ends, placeSpans } from "./place_spans.ts";
import type { WorkTimes } from "./timeline.ts";

type Told = Extract<WorkerMessage, { type: "spans" }>;
type SpansEvent = Extract<ClusterEvent, { type: "spans" }>;

/** A step or test that is traced. */
interface Traced {
  readonly number: number;
  readonly task: "train" | "evaluate";
  readonly leafCount: number;
  readonly position: Position | null;
  /** In the slice in which the weights went out. */
  readonly from: number | null;
  /** The answers that were ordered; each is told of once. */
  readonly answers: Map<string, Answer>;
  /** What is told when it is over; undefined when it is. */
  waiting: SpansEvent[] | undefined;
}

/** An answer that somebody is to give. */
interface Answer {
  readonly ordered: number;
  /** In which slice it was added up, null if that was too late; undefined until it has come. */
  added?: number | null;
}

/** What is known of a member's clock. */
interface Clock {
  readonly offset: ClockOffset;
  asked: number | undefined;
  placed: Ends;
}

/** A clock that may be further off is asked again, though weights may be on their way before the question. */
const LARGE_ERROR_US = 1_000;

/** What may be further off says nothing. */
const USELESS_ERROR_US = 1_000_000;

/** Puts together what took time. All times that come in are those of performance.now(). */
export class Tracing {
  readonly #emit: (event: SpansEvent) => void;
  readonly #ask: (member: Member) => void;
  readonly #clocks = new WeakMap<Member, Clock>();
  #now: Traced | undefined;
  /** The one before: a worker tells of its answer after it. */
  #before: Traced | undefined;
  #broadcast: number | null = null;

  /** @param ask sends a member the question what its clock shows */
  constructor(emit: (event: SpansEvent) => void, ask: (member: Member) => void) {
    this.#emit = emit;
    this.#ask = ask;
  }

  /** A step or test begins. */
  begin(work: Pick<Traced, "number" | "task" | "leafCount"> & { readonly position?: Position }): void {
    const { number, task, leafCount, position = null } = work;
    this.#before = this.#now;
    this.#now = { number, task, leafCount, position, from: this.#broadcast, answers: new Map(), waiting: [] };
  }

  /** A member is about to be given an order. */
  ordered(member: Member, { attempt, range }: Pick<Order<Member>, "attempt" | "range">, now: number): void {
    const { task, leafCount, answers } = this.#now!;
    const ordered = micro(now);
    for (const node of nodesIn(range, task, leafCount)) answers.set(nameOf(member, { attempt, ...node }), { ordered });
    if (this.#clockOf(member).offset.errorAt(micro(now)) > LARGE_ERROR_US) this.askClock(member, now);
  }

  /** A frame has been dealt with. */
  answered(member: Member, frame: Frame, start: number, end: number): void {
    if (!("attempt" in frame)) return;
    const traced = this.#find(frame.step);
    const answer = traced?.answers.get(nameOf(member, frame));
    if (answer === undefined || answer.added !== undefined) return;
    const isInTime = traced === this.#now && traced?.waiting !== undefined;
    answer.added = isInTime ? micro((start + end) / 2) : null;
  }

  /** A step or test is over. */
  over({ start, end, stretches }: WorkTimes): void {
    const traced = this.#now;
    if (traced?.waiting === undefined) return;
    const whole = { name: traced.task === "train" ? "step" : "test", start: micro(start), end: micro(end) };
    const parts = stretches.map((one) => ({ name: one.name, start: micro(one.start), end: micro(one.end) }));
    this.#tell(traced, [whole, ...parts]);
    for (const event of traced.waiting) this.#emit(event);
    traced.waiting = undefined;
  }

  /** Weights have gone out. @param isOfStep whether that ends a step, which tells it too */
  sent(start: number, end: number, isOfStep: boolean): void {
    this.#broadcast = micro((start + end) / 2);
    const spans = [{ name: "broadcast", start: micro(start), end: micro(end) }];
    if (!isOfStep) this.#tell({ task: "train", position: null }, spans);
  }

  /** Asks a member what its clock shows, unless it has not answered yet. */
  askClock(member: Member, now: number): void {
    const clock = this.#clockOf(member);
    if (clock.asked !== undefined) return;
    clock.asked = micro(now);
    this.#ask(member);
  }

  /** A member says what its clock shows. @param told in microseconds */
  hearClock(member: Member, told: number, now: number): void {
    const clock = this.#clockOf(member);
    const { asked, offset } = clock;
    if (asked === undefined) return;
    clock.asked = undefined;
    offset.add({ asked, told, heard: micro(now) });
  }

  /** A member tells what an answer took; of what it has not answered nothing is taken. */
  hearSpans(member: Member, told: Told, now: number): void {
    const traced = this.#find(told.step);
    const name = nameOf(member, told);
    const { ordered, added } = traced?.answers.get(name) ?? {};
    const clock = this.#clockOf(member);
    const { offset } = clock.offset;
    if (traced === undefined || added === undefined || ordered === undefined || offset === undefined) return;
    traced.answers.delete(name);
    const { start: leaf, end } = nodeRange(traced.leafCount, told);
    if (told.phases.some(([, one]) => one < leaf || one >= end)) return;
    const heard = micro(now);
    const error = clock.offset.errorAt(heard);
    if (error > USELESS_ERROR_US) return;
    const placed = placeSpans(told, { offset, error, ordered, heard, before: clock.placed });
    if (placed === undefined) return;
    clock.placed = { made: placed.made[1], sent: placed.sent[1] };
    const answer = { leaf, leaves: end - leaf };
    const spans = [
      { name: traced.task === "train" ? "gradients" : "predictions", ...ofSpan(placed.made), ...answer },
      ...placed.phases.map(([phase, leaf, start, end]) => ({ name: phase, start, end, leaf })),
      { name: "send", ...ofSpan(placed.sent), ...answer },
    ];
    const arrow = traced.from === null || added === null ? null : { from: traced.from, to: added };
    const { task, position } = traced;
    const clockError = Math.ceil(error);
    const event = { type: "spans", worker: member.id, task, position, spans, clockError, arrow } as const;
    if (traced.waiting === undefined) this.#emit(event);
    else traced.waiting.push(event);
  }

  #tell({ task, position }: Pick<Traced, "task" | "position">, spans: readonly TracedSpan[]): void {
    this.#emit({ type: "spans", worker: null, task, position, spans, clockError: 0, arrow: null });
  }

  #find(number: number): Traced | undefined {
    return [this.#now, this.#before].find((one) => one?.number === number);
  }

  #clockOf(member: Member): Clock {
    let clock = this.#clocks.get(member);
    if (clock === undefined) {
      clock = { offset: new ClockOffset(), asked: undefined, placed: { made: -Infinity, sent: -Infinity } };
      this.#clocks.set(member, clock);
    }
    return clock;
  }
}

function nameOf({ id }: Member, answer: { readonly attempt: number; readonly index: number; readonly level?: number }) {
  return `${id} ${answer.attempt} ${answer.level ?? 0} ${answer.index}`;
}

function ofSpan([start, end]: readonly [number, number]): { start: number; end: number } {
  return { start, end };
}

function micro(milliseconds: number): number {
  return Math.round(1000 * milliseconds);
}
