// The workers of a run as one machine: takes a step's samples, returns the sum over them, whatever happens to the workers
// meanwhile. Who belongs to it is in membership.ts, who computes what in step_schedule.ts, which answers are believed in
// second_opinions.ts, what is done with them in work.ts, who is added to whom in reduce.ts.
import { PeerStalled } from "../../shared/channel.ts";
import { HerdError } from "../../shared/errors.ts";
import { checksum, encodeFrame, type Frame } from "../../shared/frames.ts";
import type { Compression } from "../../shared/half.ts";
import type { ModelSpec } from "../../shared/model.ts";
import type { PartialSum, Predictions } from "../../shared/sums.ts";
import type { Range } from "../../shared/tree.ts";
import { within } from "../../shared/within.ts";
import { type ClusterEvent, type FaultCounts, NO_FAULTS, type WorkerInfo } from "../events/mod.ts";
import type { Member } from "./member.ts";
import { Membership, type MembershipOptions } from "./membership.ts";
import { leafRanges } from "./assign_leaves.ts";
import { SecondOpinions } from "./second_opinions.ts";
import { type Order, StepSchedule } from "./step_schedule.ts";
import { type Answer, type Collector, gradientCollector, predictionsCollector } from "./collector.ts";

/** What a cluster is told. */
export interface ClusterOptions extends MembershipOptions {
  /** How long a run waits without any worker before it gives up, in milliseconds. */
  readonly workerTimeout: number;
  /** Hears what happens. */
  emit?(event: ClusterEvent): void;
  /** Hears of each leaf that a member has done, while work is under way. */
  onLeaf?(): void;
  /** Hears of a member that is lost because it hangs; its process may still be there. */
  onSilent?(member: WorkerInfo): void;
}

/** The samples of one unit of work, in order, and what their random draws are named by. */
export interface Samples {
  readonly seed: number;
  readonly epoch: number;
  readonly ids: ArrayLike<number>;
  /** Of the epoch, from 1: for messages. */
  readonly step?: number;
}

/** Leaves of a step or evaluation: what a worker is asked for, and a relay's workers together. */
export interface Share extends Omit<Samples, "ids"> {
  /** In the whole step: the shape of the tree. */
  readonly leafCount: number;
  readonly range: Range;
  /** Sample ids of each leaf in the range. */
  readonly samples: readonly number[][];
}

/** A step or evaluation under way. */
interface Running {
  readonly step: number;
  readonly share: Share;
  /** Replaced when a counted answer turns out to be wrong. */
  collector: Collector<unknown>;
  schedule: StepSchedule<Member>;
  readonly opinions: SecondOpinions;
  restart(): Pick<Running, "collector" | "schedule">;
  readonly done: PromiseWithResolvers<void>;
}

/** Listens for workers and computes with them. What cannot be mended ends it: every call then rejects with that error. */
export class Cluster implements AsyncDisposable {
  readonly #options: ClusterOptions;
  readonly #failure = Promise.withResolvers<never>();
  #membership!: Membership; // set by start, the only way to make one
  #changed = Promise.withResolvers<void>();
  #step = 0;
  #weights: { readonly version: number; readonly checksum: number; readonly bytes: Uint8Array } | undefined;
  #running: Running | undefined;
  /** The step before, and the checksum of its weights. */
  #before: (Pick<Running, "step" | "opinions"> & { readonly weights: number | undefined }) | undefined;
  #wake: ReturnType<typeof setTimeout> | undefined;
  #pause: { readonly since: number; readonly timer: ReturnType<typeof setTimeout> } | undefined;
  readonly #faults: { -readonly [K in keyof FaultCounts]: number } = { ...NO_FAULTS };
  #bitIdentical = true;
  #error: Error | undefined;
  #stopped = false;

  private constructor(options: ClusterOptions) {
    this.#options = options;
    this.#failure.promise.catch(() => {}); // heard by whoever waits; nobody may be waiting
  }

  /** Starts to listen. @throws {HerdError} cluster, if the address is taken */
  static async start(options: ClusterOptions): Promise<Cluster> {
    const cluster = new Cluster(options);
    cluster.#membership = await Membership.start(options, {
      onJoined: ({ info }) => options.emit?.({ type: "worker", what: "joined", worker: info }),
      onReady: (member) => cluster.#onReady(member),
      onLost: (member, reason) => cluster.#onLost(member, reason),
      onFrame: (member, frame) => cluster.#onFrame(member, frame),
      onHeartbeat(member) {
        if (cluster.#running !== undefined) options.onLeaf?.();
        cluster.#hear(member);
      },
      onBroken(member, error) {
        cluster.#hear(member);
        cluster.#distrust(member, error.message, "badAnswers");
      },
      onUnable: (member, reason) => {
        // While nobody has ever computed, waiting for better workers would be waiting for nothing.
        if (cluster.#membership.history.length > 0) return;
        cluster.fail(new HerdError("cluster", `Worker ${member.description} cannot work: ${reason}`));
      },
    });
    return cluster;
  }

  /** HOST:PORT for workers elsewhere. */
  get address(): string {
    return this.#membership.address;
  }

  /** ws[s]://HOST:PORT for workers elsewhere. */
  get url(): string {
    return this.#membership.url;
  }

  /** HOST:PORT for workers on this machine. */
  get localAddress(): string {
    return this.#membership.localAddress;
  }

  /** The workers that can compute, by id. */
  get members(): WorkerInfo[] {
    return this.#membership.ready.map(({ info }) => info);
  }

  /** All workers that could compute at some time, by id. */
  get history(): WorkerInfo[] {
    return this.#membership.history;
  }

  /** Payload bytes from and to all workers so far. */
  get traffic(): { up: number; down: number } {
    return this.#membership.traffic;
  }

  /** What went wrong and was mended so far. */
  get faults(): FaultCounts {
    return { ...this.#faults };
  }

  /** Of all workers so far. */
  get fingerprints(): string[] {
    return this.#membership.fingerprints;
  }

  /** False once two workers have got different bits where the same were to be expected, and where gradients are compressed. */
  get bitIdentical(): boolean {
    return this.#bitIdentical && !this.#options.config.compressGradients;
  }

  /** Ends the cluster with an error: from outside, an interruption. */
  fail(error: Error): void {
    if (this.#stopped || this.#error !== undefined) return;
    this.#error = error;
    this.#failure.reject(error);
    this.#running?.done.reject(error);
  }

  /** A worker's process is started again. @param text says so to people */
  countRestart(text: string): void {
    this.#fault("workersRestarted", 1, text);
  }

  /** Resolves when at least `count` workers are ready. @throws {HerdError} cluster, after `deadlineMs` */
  async waitForMembers(count: number, deadlineMs: number): Promise<void> {
    const enough = async () => {
      while (this.#membership.ready.length < count) await this.#changed.promise;
    };
    await within(deadlineMs, Promise.race([enough(), this.#failure.promise]), () => {
      const seconds = Math.round(deadlineMs / 1000);
      return new HerdError(
        "cluster",
        `Only ${this.#membership.ready.length} of ${count} workers were ready after ${seconds} s: see what they printed`,
      );
    });
  }

  /**
   * Sends new weights to every worker, encoded once; does not wait for anyone to take them.
   * @param compress how they travel; their values must be such that this loses nothing, as workers confirm them by checksum
   */
  setWeights(weights: Float32Array, compress: Compression = "none"): Promise<void> {
    const version = (this.#weights?.version ?? 0) + 1;
    const bytes = encodeFrame(this.#options.runId, { kind: "weights", step: version, weights, compress });
    this.#weights = { version, checksum: checksum(weights), bytes };
    for (const member of this.#membership.ready) this.#sendWeights(member);
    return Promise.resolve();
  }

  /** The sum of the samples' gradients, with their losses and logits: the all-reduce of one training step. */
  async gradients(samples: Samples): Promise<PartialSum> {
    const [sum] = await this.partialSums(this.#wholeOf(samples));
    return sum!;
  }

  /** Losses and logits of the samples, without augmentation and dropout. */
  async evaluate(samples: Samples): Promise<Predictions> {
    return await this.predictions(this.#wholeOf(samples));
  }

  /**
   * The sums over the maximal subtrees of a part of a training step.
   * @param signal breaks it off: its reason is thrown
   */
  async partialSums(share: Share, signal?: AbortSignal): Promise<PartialSum[]> {
    const leaves = leavesOf(share);
    return await this.#run(share, leaves, () => gradientCollector(this.#model, leaves, share.range), signal);
  }

  /** Losses and logits of a part of an evaluation, in sample order. @param signal breaks it off: its reason is thrown */
  async predictions(share: Share, signal?: AbortSignal): Promise<Predictions> {
    const leaves = leavesOf(share);
    return await this.#run(share, leaves, () => predictionsCollector(this.#model, leaves), signal);
  }

  /** Tells the workers that the run is over; what they do after that is no failure. */
  stop(): void {
    this.#stopped = true;
    this.#endPause(false);
    clearTimeout(this.#wake);
    this.#membership.stop();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.stop();
    await this.#membership[Symbol.asyncDispose]();
  }

  get #model(): ModelSpec {
    return this.#options.config.model;
  }

  /** All samples as leaves. */
  #wholeOf({ ids, ...rest }: Samples): Share {
    const all = Array.from(ids);
    const samples = leafRanges(all.length, this.#options.config.microBatch).map(({ start, end }) =>
      all.slice(start, end)
    );
    return { ...rest, leafCount: samples.length, range: { start: 0, end: samples.length }, samples };
  }

  /** Gives out the leaves of one unit of work and waits until all answers are in. */
  async #run<Result>(
    share: Share,
    leaves: readonly Range[],
    collect: () => Collector<Result>,
    signal?: AbortSignal,
  ): Promise<Result> {
    if (this.#error !== undefined) throw this.#error;
    signal?.throwIfAborted();
    let collector = collect();
    const schedule = () => new StepSchedule<Member>(leaves, collector.task, share.range);
    const running: Running = {
      step: ++this.#step,
      share,
      collector,
      schedule: schedule(),
      opinions: new SecondOpinions(() => running.schedule, {
        onAsked: (order) => this.#send(running, order),
        onWrong: (member, reason) => this.#distrust(member, reason, "unreproducedAnswers"),
        onUndecided: (first, second) => this.#differ(first, second, running.step),
        onSpoilt: () => this.#restart(running),
      }),
      restart: () => ({ collector: collector = collect(), schedule: schedule() }),
      done: Promise.withResolvers(),
    };
    this.#running = running;
    const breakOff = () => this.#breakOff(running, signal!.reason);
    signal?.addEventListener("abort", breakOff, { once: true });
    try {
      for (const member of this.#membership.ready) this.#enlist(member);
      this.#advance();
      await running.done.promise;
    } finally {
      signal?.removeEventListener("abort", breakOff);
      this.#before = { step: running.step, opinions: running.opinions, weights: this.#weights?.checksum };
      this.#running = undefined;
      clearTimeout(this.#wake);
      this.#endPause(false);
      for (const member of this.#membership.ready) this.#watch(member);
    }
    return collector.result();
  }

  /** Whoever is in the middle of an order takes others when it shows a sign of life, as one that is late does. */
  #breakOff({ schedule, done }: Running, reason: unknown): void {
    for (const member of this.#membership.ready) {
      if (schedule.owed(member).length > 0) member.late ??= { images: 0, started: 0, training: false };
    }
    done.reject(reason);
  }

  /** Takes a worker into the work under way, unless it has to get the newest weights first or is late with other work. */
  #enlist(member: Member): void {
    const current = member.weightsVersion === (this.#weights?.version ?? 0);
    if (current && member.late === undefined && this.#membership.has(member)) this.#running?.schedule.join(member);
  }

  /** A worker has shown a sign of life: one that was late can take orders again. */
  #hear(member: Member): void {
    if (member.late !== undefined) {
      const { images, started, training } = member.late;
      member.late = undefined;
      member.standing.pace.record(images, performance.now() - started, training);
      this.#sendWeights(member);
      this.#enlist(member);
      this.#advance();
    }
    member.unwatch();
    this.#watch(member);
  }

  /** Sends what is to be sent now, and sees to it that this happens again in time. */
  #advance(): void {
    const running = this.#running;
    if (running === undefined) return;
    clearTimeout(this.#wake);
    const training = running.collector.task === "train";
    for (const { worker, ...order } of running.schedule.takeOvertaken()) {
      worker.late ??= { ...order, training };
      this.#dismiss(worker);
    }
    if (running.schedule.complete && running.opinions.settled) return running.done.resolve();
    const now = performance.now();
    for (const order of running.schedule.orders(now)) this.#send(running, order);
    if (this.#membership.isEmpty) this.#beginPause();
    else this.#endPause(true);
    const wakeAt = running.schedule.wakeAt(now);
    if (wakeAt !== undefined) this.#wake = setTimeout(() => this.#advance(), wakeAt - now);
  }

  #send({ step, share, collector }: Running, { worker, range, because }: Order<Member>): void {
    const count = range.end - range.start;
    if (because === "late") this.#fault("leavesDuplicated", count);
    else if (because !== "first") this.#fault("leavesReissued", count);
    worker.channel.send({
      ...this.#membership.envelope(step),
      type: "work",
      task: collector.task,
      seed: share.seed,
      epoch: share.epoch,
      weights: this.#weights?.version ?? 0,
      leafCount: share.leafCount,
      range,
      samples: share.samples.slice(range.start - share.range.start, range.end - share.range.start),
    });
    this.#watch(worker);
  }

  /** A worker that owes leaves, or has not answered at all, must show signs of life. */
  #watch(member: Member): void {
    const owes = () => member.late !== undefined || (this.#running?.schedule.owed(member).length ?? 0) > 0;
    if (!owes()) return member.unwatch();
    member.watch((error) => {
      member.unwatch();
      if (owes()) this.#dropSilent(member, error);
    });
  }

  /** A worker hangs: its process, which may still be there, is of no use either. */
  #dropSilent(member: Member, error: unknown): void {
    if (!this.#membership.has(member)) return;
    this.#options.onSilent?.(member.info);
    this.#membership.lose(member, error);
  }

  #onReady(member: Member): void {
    this.#options.emit?.({ type: "worker", what: "ready", worker: member.info });
    this.#sendWeights(member);
    this.#enlist(member);
    this.#advance();
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }

  #sendWeights(member: Member): void {
    // One that does not answer would not read them either.
    if (this.#weights === undefined || member.late !== undefined) return;
    // Work may follow as soon as the newest weights are on their way: the socket keeps the order.
    const newest = () => {
      queueMicrotask(() => {
        this.#enlist(member);
        this.#advance();
      });
      return this.#weights!;
    };
    member.sendWeights(newest).catch((error) => {
      if (error instanceof PeerStalled) this.#dropSilent(member, error);
      else this.#membership.lose(member, error);
    });
  }

  #onLost(member: Member, reason: string): void {
    const owed = this.#dismiss(member);
    if (member.ready !== undefined) this.#fault("workersLost", 1);
    if (this.#stopped) return;
    const what = owed.length === 0 ? "" : `; it had ${this.#describe(owed)}`;
    const others = this.#membership.ready.filter(({ late }) => late === undefined).map(({ id }) => id);
    const whither = owed.length === 0
      ? ""
      : others.length === 0
      ? `, which ${owed.length === 1 ? "waits" : "wait"}`
      : `, which ${owed.length === 1 ? "goes" : "go"} to ${others.join(", ")}`;
    this.#options.emit?.({ type: "worker", what: "lost", worker: member.info, reason: `${reason}${what}${whither}` });
    this.#advance();
  }

  /** Expects nothing more of a worker. @returns the leaves that it owed */
  #dismiss(member: Member): number[] {
    if (this.#running === undefined) return [];
    const owed = this.#running.schedule.leave(member);
    this.#running.opinions.leave(member);
    return owed;
  }

  /** "leaves 8, 9, 10 of epoch 2, step 5" */
  #describe(leaves: readonly number[]): string {
    const { epoch = 0, step } = this.#running?.share ?? {};
    const training = step === undefined ? "a step" : `step ${step}`; // a relay does not know which
    const where = this.#running?.collector.task === "evaluate" ? "test" : training;
    return `${leaves.length === 1 ? "leaf" : "leaves"} ${leaves.join(", ")} of epoch ${epoch}, ${where}`;
  }

  #onFrame(member: Member, frame: Frame): void {
    this.#hear(member);
    const running = this.#running;
    const step = "step" in frame ? frame.step : this.#step;
    if (running?.step !== step) {
      this.#fault("staleAnswers", 1);
      const before = this.#before;
      if (before?.step === step && "weights" in frame && frame.weights === before.weights) {
        before.opinions.compareLate(member, frame);
      }
      return member.channel.send({ ...this.#membership.envelope(this.#step), type: "stale", step });
    }
    let answer: Answer;
    try {
      answer = running.collector.check(frame);
    } catch (error) {
      if (!(error instanceof HerdError)) throw error;
      return this.#distrust(member, error.message, "badAnswers");
    }
    if (this.#weights !== undefined && answer.frame.weights !== this.#weights.checksum) {
      member.weightsVersion = 0; // they are sent again
      return this.#distrust(member, "it computed with other weights", "badAnswers");
    }
    if (running.opinions.believes(member, answer)) this.#count(running, member, answer);
    this.#watch(member);
    this.#advance();
  }

  #count({ schedule, collector, opinions }: Running, member: Member, answer: Answer): void {
    const { verdict, finished } = schedule.answer(member, answer.node, performance.now());
    if (finished !== undefined) {
      member.standing.pace.record(finished.images, finished.milliseconds, collector.task === "train");
    }
    if (verdict === "duplicate") return this.#fault("duplicateAnswers", 1);
    opinions.count(member, answer);
    collector.add(answer);
    if (collector.task === "evaluate") this.#options.onLeaf?.(); // there are no heartbeats then
  }

  /** Two workers got different bits where the same were to be expected, and nobody can tell who is right. */
  #differ(first: Member, second: Member, step: number): void {
    this.#bitIdentical = false;
    this.#fault("unreproducedAnswers", 1);
    const who = first === second ? `${first.description} twice` : `${first.description} and ${second.description}`;
    const where = step === this.#running?.step ? "" : " of a step that is over";
    this.#fault(
      "undecidedDisputes",
      1,
      `Worker  ${who} got different bits for the same leaves${where}: bit-identity is off`,
    );
  }

  #restart(running: Running): void {
    this.#fault("leavesReissued", running.share.samples.length);
    Object.assign(running, running.restart());
    running.opinions.clear();
    for (const member of this.#membership.ready) this.#enlist(member);
  }

  /** Drops a worker's answer, gives what it owes to others, and counts a strike. */
  #distrust(member: Member, reason: string, fault: "badAnswers" | "unreproducedAnswers"): void {
    const owed = this.#dismiss(member);
    const what = owed.length === 0 ? "" : `; ${this.#describe(owed)} are given out again`;
    const story = `gave a bad answer: ${reason}${what}`;
    if (this.#membership.strike(member)) {
      this.#fault(fault, 1);
      this.#fault("workersExcluded", 1);
      const reason = `it ${story}; it is excluded`;
      this.#options.emit?.({ type: "worker", what: "excluded", worker: member.info, reason });
    } else {
      this.#fault(fault, 1, `Worker  ${member.description} ${story}`);
      this.#sendWeights(member);
      this.#enlist(member);
    }
    this.#advance();
  }

  #beginPause(): void {
    if (this.#pause !== undefined) return;
    const seconds = Math.round(this.#options.workerTimeout / 1000);
    this.#fault("pauses", 1, `No worker is left: the run waits up to ${seconds} s for one`);
    const timer = setTimeout(() => {
      this.fail(new HerdError("cluster", `No worker came within ${seconds} s (--worker-timeout)`));
    }, this.#options.workerTimeout);
    this.#pause = { since: performance.now(), timer };
  }

  /** @param goesOn whether the pause ends because there is a worker */
  #endPause(goesOn: boolean): void {
    if (this.#pause === undefined) return;
    clearTimeout(this.#pause.timer);
    const seconds = (performance.now() - this.#pause.since) / 1000;
    this.#pause = undefined;
    this.#fault("pausedSeconds", seconds, goesOn ? "The run goes on" : undefined);
  }

  /** Counts what is mended, and tells it. */
  #fault(fault: keyof FaultCounts, count: number, text?: string): void {
    this.#faults[fault] += count;
    this.#options.emit?.({ type: "fault", fault, count, ...(text === undefined ? {} : { text }) });
  }
}

/** The samples of every leaf, counted from the first wanted one; leaves that are not wanted have none. */
function leavesOf({ leafCount, range, samples }: Share): Range[] {
  let position = 0;
  return Array.from({ length: leafCount }, (_, leaf) => {
    const start = position;
    position += samples[leaf - range.start]?.length ?? 0;
    return { start, end: position };
  });
}
