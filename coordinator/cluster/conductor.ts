// Carries out with sockets and timers what steps decide, and tells them what happens to the workers. Who belongs to these is in
// roll.ts, how they come to do so in admission.ts.
import { ByteBudget } from "../../shared/byte_budget.ts";
import { PeerStalled } from "../../shared/channel.ts";
import { HerdError } from "../../shared/errors.ts";
import type { Frame } from "../../shared/frames.ts";
import type { Compression } from "../../shared/half.ts";
import type { ClusterEvent, StepWork } from "../events/mod.ts";
import { Admission } from "./admission.ts";
import { Broadcast } from "./broadcast.ts";
import type { Collection } from "./collector.ts";
import type { Charge, Decisions, StepEvent } from "./decisions.ts";
import { Discipline } from "./discipline.ts";
import type { Member } from "./member.ts";
import { type ClusterOptions, queueBytesOf } from "./options.ts";
import type { Order } from "./order.ts";
import { Pause } from "./pause.ts";
import { Roll } from "./roll.ts";
import type { Work } from "./schedule.ts";
import type { Share } from "./share.ts";
import { SpotChecks } from "./spot_checks.ts";
import { Step } from "./step.ts";
import { Tally } from "./tally.ts";
import { Timeline } from "./timeline.ts";
import { Tracing } from "./tracing.ts";
import { sayLost, type Whereabouts } from "./wording.ts";

/** Who hears of what a conductor cannot decide. */
export interface ConductorEvents {
  /** There is another worker that can compute. */
  onReady(): void;
  /** A worker is gone. */
  onLost(): void;
  /** What cannot be mended. */
  onFailure(error: unknown): void;
}

/** A step or evaluation under way, or just over. */
interface Running<Result> {
  /** Of the cluster's steps, from 1. */
  readonly number: number;
  readonly share: Share;
  readonly at: Whereabouts;
  readonly step: Step<Member, Result>;
  resolve(result: Result): void;
  reject(error: unknown): void;
}

/** The workers, and the work that they are doing. */
export class Conductor {
  readonly roll: Roll;
  readonly admission: Admission;
  readonly tally: Tally;
  readonly timeline = new Timeline();
  readonly #options: ClusterOptions;
  readonly #events: ConductorEvents;
  readonly #emit: (event: ClusterEvent) => void;
  readonly #pause: Pause;
  readonly #weights: Broadcast;
  readonly #checks: SpotChecks<Member>;
  readonly #tracing: Tracing | undefined;
  readonly #discipline: Discipline;
  #steps = 0;
  #running: Running<unknown> | undefined;
  /** The step before: what comes for it now is still compared. */
  #before: Running<unknown> | undefined;
  #wake: ReturnType<typeof setTimeout> | undefined;
  #work: Readonly<Record<string, StepWork>> = {};

  constructor(options: ClusterOptions, events: ConductorEvents) {
    this.#options = options;
    this.#events = events;
    this.#emit = (event) => options.emit?.(event);
    this.tally = new Tally(this.#emit);
    this.#pause = new Pause(options.workerTimeout, this.tally, events.onFailure);
    const budget = new ByteBudget(queueBytesOf(options));
    this.#weights = new Broadcast(options.runId, budget);
    this.#checks = new SpotChecks(options.verify ?? 0);
    this.#tracing = options.traced !== true
      ? undefined
      : new Tracing(this.#emit, ({ channel }) => channel.send({ ...this.roll.envelope(0), type: "clock-request" }));
    this.roll = new Roll(options.runId, this.#guarded((member, reason) => this.#onLost(member, reason)));
    this.#discipline = new Discipline({
      roll: this.roll,
      tally: this.tally,
      emit: this.#emit,
      onSpared: (member) => {
        this.#weights.forget(member);
        this.#supply(member);
      },
    });
    this.admission = new Admission(options, { roll: this.roll, budget }, {
      onJoined: this.#guarded(({ info }: Member) => this.#emit({ type: "worker", what: "joined", worker: info })),
      onPreparing: this.#guarded(({ info }: Member, reason: string) =>
        this.#emit({ type: "worker", what: "preparing", worker: info, reason })
      ),
      onReady: this.#guarded((member: Member) => this.#onReady(member)),
      onFrame: this.#guarded((member: Member, frame: Frame) => {
        const began = performance.now();
        this.#onFrame(member, frame);
        const ended = performance.now();
        this.timeline.did("sum", began, ended);
        this.#tracing?.answered(member, frame, began, ended);
      }),
      onClock: (member, microseconds) => this.#tracing?.hearClock(member, microseconds, performance.now()),
      onSpans: (member, spans) => {
        this.#tracing?.hearSpans(member, spans, performance.now());
        if (!this.#running?.step.owes(member)) this.#tracing?.askClock(member, performance.now());
      },
      onHeartbeat: this.#guarded((member: Member) => {
        if (this.#running !== undefined) options.onLeaf?.();
        this.#hear(member);
      }),
      onBroken: this.#guarded((member: Member, error: HerdError) => {
        this.#hear(member);
        this.#accuse({ worker: member, reason: error.message, fault: "badAnswers" });
      }),
      onUnable: this.#guarded((member: Member, reason: string) => {
        // While nobody has ever computed, waiting for better workers would be waiting for nothing.
        if (this.roll.history.length > 0) return;
        throw new HerdError("cluster", `Worker ${member.description} cannot work: ${reason}`);
      }),
      onFailure: events.onFailure,
    });
  }

  /** False once two workers have got different bits where the same were to be expected. */
  get isUndisputed(): boolean {
    return this.#discipline.isUndisputed;
  }

  /** What the workers whose answers are in the result did of the last step or test, by id, once it is over. */
  get work(): Readonly<Record<string, StepWork>> {
    return this.#work;
  }

  /** There are new weights: sends them to every worker. */
  setWeights(weights: Float32Array, compress: Compression): void {
    const began = performance.now();
    this.#weights.set(weights, compress);
    for (const member of this.roll.ready) this.#supply(member);
    const ended = performance.now();
    const step = this.timeline.sent(began, ended);
    if (step !== undefined) this.#tracing?.over(step);
    this.#tracing?.sent(began, ended, step !== undefined);
  }

  /** Gives out the leaves of one unit of work and waits until all answers are in, or the signal aborts. */
  async conduct<Result>(
    share: Share,
    work: Work,
    collection: Collection<Result>,
    signal: AbortSignal | undefined,
  ): Promise<Result> {
    const began = performance.now();
    this.timeline.begin(began);
    const { promise, resolve, reject } = Promise.withResolvers<Result>();
    const step = new Step<Member, Result>({
      work,
      collection,
      weights: this.#weights.checksum,
      checks: work.task === "train" ? this.#checks.forTraining(share.position) : this.#checks.forEvaluation(),
      // Compressed sums depend on who computes what.
      isComparable: !this.#options.config.compressGradients,
    });
    const at = { ...share, task: work.task };
    const running: Running<Result> = { number: ++this.#steps, share, at, step, resolve, reject };
    this.#running = running;
    this.#tracing?.begin({ ...share, number: running.number, task: work.task });
    const breakOff = () => this.#breakOff(running, signal!.reason);
    signal?.addEventListener("abort", breakOff, { once: true });
    try {
      this.#enlist(this.roll.ready);
      this.timeline.did("order", began, performance.now());
      const result = await promise;
      const test = this.timeline.computed(work.task, performance.now());
      if (test !== undefined) this.#tracing?.over(test);
      return result;
    } finally {
      signal?.removeEventListener("abort", breakOff);
      if (this.#running === running) this.#end(running);
    }
  }

  /** Breaks off what is under way. */
  fail(error: unknown): void {
    this.#running?.reject(error);
  }

  /** Tells the workers that the run is over, or may go on later. */
  stop(mayGoOn: boolean): void {
    this.#pause.end(false);
    clearTimeout(this.#wake);
    this.roll.stop(mayGoOn);
  }

  /** Whoever is in the middle of an order takes others when it shows a sign of life, as one that is late does. */
  #breakOff({ step, reject }: Running<unknown>, reason: unknown): void {
    for (const member of this.roll.ready) if (step.owes(member)) member.late ??= { images: 0, started: 0 };
    step.abandon();
    reject(reason);
  }

  #end(running: Running<unknown>): void {
    this.#before = running;
    this.#running = undefined;
    clearTimeout(this.#wake);
    this.#pause.end(false);
    for (const member of this.roll.ready) this.#watch(member);
  }

  /** Tells the step under way what happens, and does what it decides. */
  #tell(event: StepEvent<Member>): void {
    const running = this.#running;
    if (running === undefined) return;
    const decisions = running.step.handle(event, performance.now());
    clearTimeout(this.#wake);
    const { wakeAt, result, contributors = new Map<Member, number>() } = decisions;
    if (wakeAt !== undefined) {
      // Deciding may have taken until then.
      const wait = Math.max(0, wakeAt - performance.now());
      this.#wake = setTimeout(this.#guarded(() => this.#tell({ type: "tick" })), wait);
    }
    this.#carryOut(running, decisions);
    if (result !== undefined) {
      const work = contributors.entries().map(([one, leaves]) => [one.id, { leaves, seconds: one.takeSeconds() }]);
      this.#work = Object.fromEntries(work);
      for (const { standing } of contributors.keys()) {
        standing.since ??= running.share.position;
        standing.hasCounted = true;
        standing.recordSound();
      }
      this.#end(running);
      return running.resolve(result);
    }
    if (this.roll.isEmpty) this.#pause.begin();
    else this.#pause.end(true);
  }

  #carryOut(running: Running<unknown>, decisions: Decisions<Member, unknown>): void {
    for (const { fault, count } of decisions.faults) this.tally.count(fault, count);
    for (const { worker, images, started } of decisions.overtaken) worker.late ??= { images, started };
    for (const order of decisions.orders) this.#send(running, order);
    if (decisions.isCounted && running.at.task === "evaluate") this.#options.onLeaf?.(); // there are no heartbeats then
    for (const [first, second] of decisions.undecided) {
      this.#discipline.leaveUndecided(first, second, running !== this.#running);
    }
    const { checked } = decisions;
    if (checked.compared + checked.impossible > 0) this.#emit({ type: "check", ...checked });
    for (const blame of decisions.blames) this.#discipline.punish(blame, this.#running?.at);
  }

  #send({ number, share, at }: Running<unknown>, order: Order<Member>): void {
    const { worker, range, attempt } = order;
    this.#tracing?.ordered(worker, order, performance.now());
    worker.channel.send({
      ...this.roll.envelope(number),
      type: "work",
      task: at.task,
      attempt,
      seed: share.seed,
      epoch: share.epoch,
      weights: this.#weights.version,
      leafCount: share.leafCount,
      range,
      samples: share.samples.slice(range.start - share.range.start, range.end - share.range.start),
    });
    this.#watch(worker);
  }

  /** Takes workers into the work under way, but for those that have to get the newest weights first or are late with others. */
  #enlist(members: readonly Member[]): void {
    const workers = members.filter((member) =>
      this.#weights.hasReached(member) && member.late === undefined && this.roll.has(member)
    );
    this.#tell({ type: "join", workers });
  }

  /** Sends a worker what it lacks of the newest weights, and takes it into the work under way. */
  #supply(member: Member): void {
    // One that does not answer would not read them either.
    if (member.late !== undefined) return;
    this.#weights.send(member, () => this.#enlist([member])).catch((error) => {
      if (!(error instanceof HerdError)) this.#events.onFailure(error);
      else if (error instanceof PeerStalled) this.#dropSilent(member, error);
      else this.roll.lose(member, error);
    });
    this.#enlist([member]);
  }

  /** A worker has shown a sign of life: one that was late can take orders again. */
  #hear(member: Member): void {
    member.seen = performance.now();
    if (member.late !== undefined) {
      const { images, started } = member.late;
      member.late = undefined;
      member.pace.record(images, performance.now() - started);
      this.#supply(member);
    }
    member.unwatch();
    this.#watch(member);
  }

  /** A worker that owes leaves, or has not answered at all, must show signs of life. */
  #watch(member: Member): void {
    const owes = () => member.late !== undefined || (this.#running?.step.owes(member) ?? false);
    if (!owes()) return member.unwatch();
    member.watch(this.#guarded((error: HerdError) => {
      if (owes()) this.#dropSilent(member, error);
    }));
  }

  /** A worker hangs: its process, which may still be there, is of no use either. */
  #dropSilent(member: Member, error: HerdError): void {
    if (!this.roll.has(member)) return;
    this.#options.onSilent?.(member.info);
    this.roll.lose(member, error);
  }

  #onReady(member: Member): void {
    this.#emit({ type: "worker", what: "ready", worker: member.info });
    this.#tracing?.askClock(member, performance.now());
    this.#supply(member);
    this.#events.onReady();
  }

  #onLost(member: Member, reason: string): void {
    const { step, at } = this.#running ?? {};
    const owed = step?.owed(member) ?? [];
    if (member.ready !== undefined) this.tally.count("workersLost", 1);
    const others = this.roll.ready.filter(({ late }) => late === undefined);
    this.#emit({ type: "worker", what: "lost", worker: member.info, reason: sayLost(reason, owed, others, at) });
    this.#events.onLost();
    this.#tell({ type: "leave", worker: member });
  }

  #onFrame(member: Member, frame: Frame): void {
    this.#hear(member);
    const number = "step" in frame ? frame.step : this.#steps;
    if (this.#running?.number === number) {
      this.#tell({ type: "answer", worker: member, frame });
      return this.#watch(member);
    }
    this.tally.count("staleAnswers", 1);
    if (this.#before?.number === number) {
      const { blames, ...decisions } = this.#before.step.handle({ type: "answer", worker: member, frame }, 0);
      this.#carryOut(this.#before, { ...decisions, blames: [] });
      for (const blame of blames) this.#accuse(blame);
    }
    member.channel.send({ ...this.roll.envelope(this.#steps), type: "stale", step: number });
  }

  /** A worker has got something wrong that the step under way does not know of. */
  #accuse(charge: Charge<Member>): void {
    if (this.#running === undefined) this.#discipline.punish({ ...charge, owed: [] }, undefined);
    else this.#tell({ type: "accuse", ...charge });
  }

  /** Nobody waits for what sockets and timers set off: where it throws, that is what the cluster ends with. */
  #guarded<A extends unknown[]>(handler: (...args: A) => void): (...args: A) => void {
    return (...args) => {
      try {
        handler(...args);
      } catch (error) {
        this.#events.onFailure(error);
      }
    };
  }
}
