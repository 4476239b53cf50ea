// The workers of a run as one machine: takes a step's samples, returns the sum over them. Membership and messages are here;
// who computes what is in schedule.ts, what is done with the
// answers in work.ts, who is added to whom in reduce.ts.
// @ts-types="@types/ws"
import type { WebSocket } from "ws";
import { Channel } from "../shared/channel.ts";
import type { NumericConfig } from "../shared/config.ts";
import type { Backend } from "../shared/engine_names.ts";
import { HerdError, messageOf } from "../shared/errors.ts";
import { encodeFrame, type Frame } from "../shared/frames.ts";
import {
  type CoordinatorMessage,
  parseWorkerMessage,
  PROTOCOL_VERSION,
  type WorkerMessage,
} from "../shared/protocol.ts";
import type { Range } from "../shared/tree.ts";
import { within } from "./deadline.ts";
import { listen, type Listener } from "./listener.ts";
import { Member, type MemberInfo } from "./member.ts";
import type { PartialSum } from "./reduce.ts";
import { assignLeaves, completeSpeeds, leafRanges } from "./schedule.ts";
import { type Collector, gradientCollector, type Predictions, predictionsCollector } from "./work.ts";

/** What a cluster is told. */
export interface ClusterOptions {
  /** 16 hexadecimal digits. */
  readonly runId: string;
  readonly token: string;
  readonly hostname: string;
  readonly port: number;
  readonly config: NumericConfig;
  readonly configHash: string;
  readonly backend: Backend;
  /** How a remote worker fetches the packed data set. */
  readonly dataset: { readonly byteLength: number; readonly chunkBytes: number; readonly hashes: string[] };
  readChunk(index: number): Uint8Array;
  /** Hears what happens to members. */
  onMember?(what: "joined" | "ready" | "lost", member: MemberInfo, reason?: string): void;
}

/** The samples of one unit of work, in order, and what their random draws are named by. */
export interface Samples {
  readonly seed: number;
  readonly epoch: number;
  readonly ids: ArrayLike<number>;
}

/** A step or evaluation under way, and what its workers still owe. */
interface Running {
  readonly step: number;
  readonly collector: Collector<unknown>;
  readonly owners: Map<Member, { readonly images: number; answers: number }>;
  readonly done: PromiseWithResolvers<void>;
}

type WelcomeConfig = Extract<CoordinatorMessage, { type: "welcome" }>["config"];

const HELLO_DEADLINE_MS = 10_000;
const FAREWELL_MS = 500;

/** Listens for workers and computes with them. Any failure ends the whole cluster: every call then rejects with its error. */
export class Cluster implements AsyncDisposable {
  readonly #options: ClusterOptions;
  readonly #members = new Set<Member>();
  readonly #failure = Promise.withResolvers<never>();
  #listener: Listener | undefined;
  #changed = Promise.withResolvers<void>();
  #step = 0;
  #weights: Uint8Array | undefined;
  #weightsVersion = 0;
  #running: Running | undefined;
  readonly #past: MemberInfo[] = [];
  #retired = { up: 0, down: 0 };
  #disposed = false;

  private constructor(options: ClusterOptions) {
    this.#options = options;
    this.#failure.promise.catch(() => {}); // heard by whoever waits; nobody may be waiting
  }

  /** Starts to listen. @throws {HerdError} cluster, if the address is taken */
  static async start(options: ClusterOptions): Promise<Cluster> {
    const cluster = new Cluster(options);
    const { hostname, port, token } = options;
    cluster.#listener = await listen({ hostname, port, token, onSocket: (socket) => void cluster.#serve(socket) });
    return cluster;
  }

  /** HOST:PORT for workers elsewhere. */
  get address(): string {
    return this.#listener!.address;
  }

  /** HOST:PORT for workers on this machine. */
  get localAddress(): string {
    return this.#listener!.localAddress;
  }

  /** The workers that can compute, by id. */
  get members(): MemberInfo[] {
    return this.#ready().map((member) => member.info);
  }

  /** All workers that could compute at some time, by id. */
  get history(): MemberInfo[] {
    return [...this.#past, ...this.members].sort(byId);
  }

  /** Payload bytes from and to all workers so far. */
  get traffic(): { up: number; down: number } {
    let { up, down } = this.#retired;
    for (const { channel } of this.#members) [up, down] = [up + channel.bytesIn, down + channel.bytesOut];
    return { up, down };
  }

  /** Ends the cluster with an error: from outside, an interruption or the death of a process. */
  fail(error: Error): void {
    if (!this.#disposed) this.#failure.reject(error);
  }

  /** Resolves when at least `count` workers are ready. @throws {HerdError} cluster, after `deadlineMs` */
  async waitForMembers(count: number, deadlineMs: number): Promise<void> {
    const enough = async () => {
      while (this.#ready().length < count) await this.#changed.promise;
    };
    await within(deadlineMs, Promise.race([enough(), this.#failure.promise]), () => {
      const seconds = Math.round(deadlineMs / 1000);
      return new HerdError(
        "cluster",
        `Only ${this.#ready().length} of ${count} workers were ready after ${seconds} s: see what they printed`,
      );
    });
  }

  /** Sends new weights to every worker, encoded once. */
  async setWeights(weights: Float32Array): Promise<void> {
    this.#weightsVersion = this.#step + 1;
    this.#weights = encodeFrame(this.#options.runId, { kind: "weights", step: this.#weightsVersion, weights });
    const sends = this.#ready().map((member) => this.#sendWeights(member));
    await Promise.race([Promise.all(sends), this.#failure.promise]);
  }

  /** The sum of the samples' gradients, with their losses and logits: the all-reduce of one training step. */
  async gradients(samples: Samples): Promise<PartialSum> {
    const leaves = this.#leavesOf(samples);
    return await this.#run(gradientCollector(this.#options.config.model, leaves), samples, leaves);
  }

  /** Losses and logits of the samples, without augmentation and dropout. */
  async evaluate(samples: Samples): Promise<Predictions> {
    const leaves = this.#leavesOf(samples);
    return await this.#run(predictionsCollector(this.#options.config.model, leaves), samples, leaves);
  }

  /** Tells the workers that the run is over; what they do after that is no failure. */
  stop(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    for (const member of this.#members) {
      member.finish(0);
      member.channel.send({ ...this.#envelope(), type: "stop" });
      member.channel.close();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.stop();
    // A connection that is dropped at once may take the last message with it.
    const farewells = Promise.all([...this.#members].map(({ channel }) => channel.closed));
    await within(FAREWELL_MS, farewells, () => new Error("late")).catch(() => {});
    await this.#listener?.close();
  }

  #ready(): Member[] {
    return [...this.#members].filter((member) => member.ready !== undefined)
      .sort(byId);
  }

  #envelope(): { protocol: number; runId: string; step: number } {
    return { protocol: PROTOCOL_VERSION, runId: this.#options.runId, step: this.#step };
  }

  async #sendWeights(member: Member): Promise<void> {
    if (this.#weights === undefined) return;
    try {
      await member.channel.sendBytes(this.#weights);
    } catch (error) {
      this.#lost(member, error);
    }
  }

  #leavesOf({ ids }: Samples): Range[] {
    return leafRanges(ids.length, this.#options.config.microBatch);
  }

  /** Gives out the leaves of one unit of work and waits until all answers are in. */
  async #run<Result>(collector: Collector<Result>, samples: Samples, leaves: readonly Range[]): Promise<Result> {
    const members = this.#ready();
    const running: Running = {
      step: ++this.#step,
      collector,
      owners: new Map(),
      done: Promise.withResolvers(),
    };
    this.#running = running;
    const ranges = assignLeaves(
      leaves.map(({ start, end }) => end - start),
      completeSpeeds(members.map(({ speed }) => speed)),
    );
    for (const [i, member] of members.entries()) this.#giveOut(member, ranges[i]!, { running, samples, leaves });
    try {
      await Promise.race([running.done.promise, this.#failure.promise]);
    } finally {
      this.#running = undefined;
    }
    return collector.result();
  }

  #giveOut(
    member: Member,
    range: Range,
    { running, samples, leaves }: { running: Running; samples: Samples; leaves: readonly Range[] },
  ): void {
    if (range.start === range.end) return;
    const { collector, owners } = running;
    const own = leaves.slice(range.start, range.end);
    owners.set(member, { images: own.at(-1)!.end - own[0]!.start, answers: collector.answersIn(range) });
    member.begin((error) => this.#lost(member, error));
    const ids = Array.from(samples.ids);
    member.channel.send({
      ...this.#envelope(),
      type: "work",
      task: collector.task,
      seed: samples.seed,
      epoch: samples.epoch,
      weights: this.#weightsVersion,
      leafCount: leaves.length,
      range,
      samples: own.map(({ start, end }) => ids.slice(start, end)),
    });
  }

  /** Talks with one connection until it ends. Never throws: what goes wrong is the member's loss. */
  async #serve(socket: WebSocket): Promise<void> {
    const channel = new Channel<WorkerMessage, CoordinatorMessage>(socket, parseWorkerMessage);
    const member = new Member("", channel);
    this.#members.add(member);
    channel.sendPings();
    const greeting = setTimeout(
      () => this.#lost(member, new HerdError("cluster", "it did not say hello")),
      HELLO_DEADLINE_MS,
    );
    try {
      for await (const event of channel) {
        clearTimeout(greeting);
        if ("frame" in event) this.#onFrame(member, event.frame);
        else await this.#onMessage(member, event.message);
      }
      this.#lost(member, new HerdError("cluster", "its connection closed"));
    } catch (error) {
      this.#lost(member, error);
    } finally {
      clearTimeout(greeting);
    }
  }

  async #onMessage(member: Member, message: WorkerMessage): Promise<void> {
    if (message.type !== "hello" && message.runId !== this.#options.runId) {
      throw new HerdError("cluster", `it sent "${message.type}" for run "${message.runId}"`);
    }
    switch (message.type) {
      case "hello":
        return this.#welcome(member, message);
      case "chunk-request":
        if (message.index >= this.#options.dataset.hashes.length) {
          throw new HerdError("cluster", `it asked for chunk ${message.index} of the data set`);
        }
        return await member.channel.sendFrame({
          kind: "chunk",
          index: message.index,
          bytes: this.#options.readChunk(message.index),
        });
      case "ready": {
        if (message.configHash !== this.#options.configHash) {
          return this.#refuse(
            member,
            "its numeric config has another hash: use the same version of Herd on both sides",
          );
        }
        // Ready before the weights are sent: a newer version must reach this worker too. The socket keeps their order.
        member.ready = message;
        void this.#sendWeights(member);
        this.#options.onMember?.("ready", member.info);
        this.#changed.resolve();
        this.#changed = Promise.withResolvers();
        return;
      }
      case "heartbeat":
        return member.sign(message.leaves, message.milliseconds);
      case "failed":
        this.#lost(member, new HerdError("cluster", message.message));
        // A local worker that cannot start would be missed for ever; a remote one may be mended and come back.
        if (member.ready === undefined && member.host === "") {
          this.fail(new HerdError("cluster", `Worker ${member.description} cannot work: ${message.message}`));
        }
        return;
      default: {
        const unknown: never = message;
        throw new Error(`Unknown message: ${JSON.stringify(unknown)}`);
      }
    }
  }

  #welcome(member: Member, hello: Extract<WorkerMessage, { type: "hello" }>): void {
    member.id = this.#nameFor(hello.name);
    member.host = hello.host;
    member.pid = hello.pid;
    if (hello.protocol !== PROTOCOL_VERSION) {
      const versions = `protocol ${hello.protocol}, this coordinator ${PROTOCOL_VERSION}`;
      return this.#refuse(member, `it speaks ${versions}: use the same version of Herd on both sides`);
    }
    member.channel.runId = this.#options.runId;
    this.#options.onMember?.("joined", member.info);
    const { config, configHash, backend, dataset } = this.#options;
    member.channel.send({
      ...this.#envelope(),
      type: "welcome",
      workerId: member.id,
      config: config as WelcomeConfig,
      configHash,
      backend,
      dataset,
    });
  }

  /** The name that a worker gives itself, or the next free number. */
  #nameFor(wish: string): string {
    const taken = new Set([...this.#members, ...this.#past].map(({ id }) => id));
    if (wish !== "" && !taken.has(wish)) return wish;
    let number = 1;
    while (taken.has(`r${number}`)) number++;
    return `r${number}`;
  }

  #refuse(member: Member, reason: string): void {
    this.#members.delete(member);
    member.channel.send({ ...this.#envelope(), type: "refused", reason });
    member.channel.close();
  }

  #onFrame(member: Member, frame: Frame): void {
    const running = this.#running;
    const step = "step" in frame ? frame.step : undefined;
    const work = running?.step === step ? running?.owners.get(member) : undefined;
    if (running === undefined || work === undefined) {
      return member.channel.send({ ...this.#envelope(), type: "stale", step: step ?? this.#step });
    }
    member.sign(0);
    const complete = running.collector.add(frame);
    work.answers--;
    if (work.answers === 0) member.finish(running.collector.task === "train" ? work.images : 0);
    if (complete) running.done.resolve();
  }

  /** In this version a lost worker ends the run; before it is ready it is only forgotten, unless its process was ours. */
  #lost(member: Member, error: unknown): void {
    if (!this.#members.delete(member)) return;
    member.finish(0);
    member.channel.terminate();
    this.#retired.up += member.channel.bytesIn;
    this.#retired.down += member.channel.bytesOut;
    if (member.ready !== undefined) this.#past.push(member.info);
    if (this.#disposed) return;
    if (member.id === "") return; // it never said hello
    this.#options.onMember?.("lost", member.info, messageOf(error));
    if (member.ready === undefined) return;
    const where = member.host === ""
      ? `logs/${member.id}.log in the run's folder`
      : `what it printed on ${member.host}`;
    this.fail(
      new HerdError("cluster", `Worker ${member.description} is lost: ${messageOf(error)}; see ${where}`),
    );
  }
}

function byId(a: { readonly id: string }, b: { readonly id: string }): number {
  return a.id.localeCompare(b.id, "en", { numeric: true });
}
