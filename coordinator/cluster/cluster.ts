// The workers of a run as one machine: takes a step's samples, returns the sum over them, whatever happens to the workers
// meanwhile. What is to be done step.ts decides, and conductor.ts does it.
import type { EngineName } from "../../shared/engine_names.ts";
import { HerdError } from "../../shared/errors.ts";
import type { Compression } from "../../shared/half.ts";
import type { PartialSum, Predictions } from "../../shared/sums.ts";
import { within } from "../../shared/within.ts";
import type { FaultCounts, StepSeconds, StepWork, Traffic, WorkerInfo } from "../events/mod.ts";
import { type Collection, gradientCollection, predictionsCollection } from "./collector.ts";
import { Conductor } from "./conductor.ts";
import type { ClusterOptions } from "./options.ts";
import type { Roll } from "./roll.ts";
import type { Work } from "./schedule.ts";
import { type Samples, type Share, wholeShare, workOf } from "./share.ts";

/**
 * Listens for workers and computes with them. What cannot be mended ends it: every call then rejects with that error, which is
 * a {@linkcode HerdError} unless Herd itself has a bug.
 */
export class Cluster implements AsyncDisposable {
  readonly #options: ClusterOptions;
  readonly #conductor: Conductor;
  readonly #failure = Promise.withResolvers<never>();
  #changed = Promise.withResolvers<void>();
  #error: unknown;
  #givenUp: HerdError | undefined;
  #stopped = false;

  private constructor(options: ClusterOptions) {
    this.#options = options;
    this.#conductor = new Conductor(options, {
      onReady: () => {
        this.#changed.resolve();
        this.#changed = Promise.withResolvers();
      },
      onLost: () => this.#endIfForsaken(),
      onFailure: (error) => this.fail(error),
    });
    this.#failure.promise.catch(() => {}); // heard by whoever waits; nobody may be waiting
  }

  /**
   * Starts to listen.
   * @throws {HerdError} cluster, if the address is taken
   */
  static async start(options: ClusterOptions): Promise<Cluster> {
    const cluster = new Cluster(options);
    await cluster.#conductor.admission.listen();
    return cluster;
  }

  /** HOST:PORT for workers elsewhere. */
  get address(): string {
    return this.#conductor.admission.address;
  }

  /** ws[s]://HOST:PORT for workers elsewhere. */
  get url(): string {
    return this.#conductor.admission.url;
  }

  /** HOST:PORT for workers on this machine. */
  get localAddress(): string {
    return this.#conductor.admission.localAddress;
  }

  /** The workers that can compute, by id. */
  get members(): WorkerInfo[] {
    return this.#roll.ready.map(({ info }) => info);
  }

  /** What the first of them computes with; undefined if nobody is there. */
  get engine(): EngineName | undefined {
    return this.#roll.ready[0]?.ready?.engine;
  }

  /** About how long a leaf takes the slowest of them, as they said when they came, in milliseconds; 0 if nobody is there. */
  get leafMilliseconds(): number {
    return Math.max(0, ...this.#roll.ready.map(({ ready }) => ready?.leafMilliseconds ?? 0));
  }

  /** All workers that could compute at some time, by id. */
  get history(): WorkerInfo[] {
    return this.#roll.history;
  }

  /** Payload bytes from and to all workers so far. */
  get traffic(): Traffic {
    return this.#roll.traffic;
  }

  /** Where the time of the last training step went, once the weights that follow from it are sent. */
  get stepSeconds(): StepSeconds {
    return this.#conductor.timeline.seconds;
  }

  /** What the workers whose answers are in the result did of the last step or test, by id, once it is over. */
  get stepWork(): Readonly<Record<string, StepWork>> {
    return this.#conductor.work;
  }

  /** Seconds since the last sign of life of each worker that can compute, by id. */
  get silences(): Record<string, number> {
    const now = performance.now();
    return Object.fromEntries(this.#roll.ready.map(({ id, seen }) => [id, (now - seen) / 1000]));
  }

  /** What went wrong and was mended so far. */
  get faults(): FaultCounts {
    return this.#conductor.tally.counts;
  }

  /** Of all workers that could compute at some time, in the order of their coming. */
  get fingerprints(): string[] {
    return this.#roll.fingerprints;
  }

  /** False once two workers have got different bits where the same were to be expected, and where gradients are compressed. */
  get bitIdentical(): boolean {
    return this.#conductor.isUndisputed && !this.#options.config.compressGradients;
  }

  /** Ends the cluster with an error: an interruption, workers that cannot be started, a bug. */
  fail(error: unknown): void {
    if (this.#stopped || this.#error !== undefined) return;
    this.#error = error;
    this.#failure.reject(error);
    this.#conductor.fail(error);
  }

  /**
   * The workers of this machine are given up, and say so. The run ends with that error when nobody is there and nobody can
   * be expected: neither somebody from outside who has come once and so knows the token, nor others who may have it. Otherwise
   * it goes on, if need be after a pause of up to `workerTimeout`.
   */
  localsGivenUp(error: HerdError, { othersCanCome }: { readonly othersCanCome: boolean }): void {
    if (!othersCanCome) this.#givenUp = error;
    this.#endIfForsaken();
    if (this.#error === undefined) this.#options.emit?.({ type: "notice", text: error.message });
  }

  /**
   * A launcher is about to start a worker's process of this name, which nobody else can take then.
   * @param isOwn whether on this machine
   * @returns the secret by which the process is known: for its order, never for the network
   */
  expect(name: string, { isOwn }: { readonly isOwn: boolean }): string {
    return this.#conductor.admission.expect(name, { isOwn });
  }

  /** A worker's process is started again. @param text says so to people */
  countRestart(text: string): void {
    this.#conductor.tally.count("workersRestarted", 1, text);
  }

  /**
   * Resolves when at least `count` workers are ready.
   * @throws {HerdError} cluster, after `deadlineMs` milliseconds; or what the cluster has ended with
   */
  async waitForMembers(count: number, deadlineMs: number): Promise<void> {
    if (this.#error !== undefined) throw this.#error;
    const enough = async () => {
      while (this.#roll.ready.length < count) await this.#changed.promise;
    };
    await within(deadlineMs, Promise.race([enough(), this.#failure.promise]), () => {
      const there = `Only ${this.#roll.ready.length} of ${count} workers were ready`;
      const seconds = Math.round(deadlineMs / 1000);
      return new HerdError("cluster", `${there} after ${seconds} s (--join-timeout): see what they printed`);
    });
  }

  /**
   * Sends new weights to every worker, encoded once; does not wait for anyone to take them.
   * @param weights flat float32, as laid out by the parameter table
   * @param compress how they travel; their values must be such that this loses nothing, as workers confirm them by checksum
   */
  setWeights(weights: Float32Array, compress: Compression = "none"): Promise<void> {
    this.#conductor.setWeights(weights, compress);
    return Promise.resolve();
  }

  /**
   * The sum of the samples' gradients, with their losses and logits: the all-reduce of one training step.
   * @throws what the cluster has ended with
   */
  async gradients(samples: Samples): Promise<PartialSum> {
    const [sum] = await this.partialSums(wholeShare(samples, this.#options.config.microBatch));
    return sum!;
  }

  /**
   * Losses and logits of the samples, in their order, without augmentation and dropout.
   * @throws what the cluster has ended with
   */
  async evaluate(samples: Samples): Promise<Predictions> {
    return await this.predictions(wholeShare(samples, this.#options.config.microBatch));
  }

  /**
   * The sums over the maximal subtrees of a part of a training step.
   * @param signal breaks it off: its reason is thrown
   * @throws what the cluster has ended with
   */
  async partialSums(share: Share, signal?: AbortSignal): Promise<PartialSum[]> {
    const work = workOf(share, "train");
    return await this.#run(share, work, gradientCollection(this.#options.config.model, work), signal);
  }

  /**
   * Losses and logits of a part of an evaluation, in sample order.
   * @param signal breaks it off: its reason is thrown
   * @throws what the cluster has ended with
   */
  async predictions(share: Share, signal?: AbortSignal): Promise<Predictions> {
    const work = workOf(share, "evaluate");
    return await this.#run(share, work, predictionsCollection(this.#options.config.model, work), signal);
  }

  /**
   * Tells the workers that the run is over; what they do after that is no failure.
   * @param mayGoOn it is only broken off: workers that nobody here starts again come again later
   */
  stop(mayGoOn = false): void {
    this.#stopped = true;
    this.#conductor.stop(mayGoOn);
  }

  /** Stops, and closes the door and all connections. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.stop();
    await this.#roll.farewell();
    await this.#conductor.admission.close();
  }

  get #roll(): Roll {
    return this.#conductor.roll;
  }

  async #run<Result>(
    share: Share,
    work: Work,
    collection: Collection<Result>,
    signal: AbortSignal | undefined,
  ): Promise<Result> {
    if (this.#error !== undefined) throw this.#error;
    signal?.throwIfAborted();
    return await this.#conductor.conduct(share, work, collection, signal);
  }

  #endIfForsaken(): void {
    if (this.#givenUp === undefined || !this.#roll.isEmpty || this.#conductor.admission.hadOutsiders) return;
    this.fail(this.#givenUp);
  }
}
