// The workers of a run as one machine: takes a step's samples, returns the sum over them. Membership and messages are here;
// who is added to whom is in reduce.ts, who computes what in schedule.ts.
// @ts-types="@types/ws"
import type { WebSocket } from "ws";
import { Channel } from "../shared/channel.ts";
import type { NumericConfig } from "../shared/config.ts";
import { HerdError, messageOf } from "../shared/errors.ts";
import { encodeFrame, type Frame, type PartialFrame, type PredictionsFrame } from "../shared/frames.ts";
import { parameterCount } from "../shared/model.ts";
import {
  type CoordinatorMessage,
  parseWorkerMessage,
  PROTOCOL_VERSION,
  type WorkerMessage,
} from "../shared/protocol.ts";
import { nodeRange, type Range, subtreesIn } from "../shared/tree.ts";
import { within } from "./deadline.ts";
import { listen, type Listener } from "./listener.ts";
import { Member, type MemberInfo } from "./member.ts";
import { type PartialSum, ReductionTree } from "./reduce.ts";
import { assignLeaves, leafRanges } from "./schedule.ts";

/** What a cluster is told. */
export interface ClusterOptions {
  /** 16 hexadecimal digits. */
  readonly runId: string;
  readonly token: string;
  readonly hostname: string;
  readonly port: number;
  readonly config: NumericConfig;
  readonly configHash: string;
  readonly backend: "auto" | "webgpu" | "simd" | "cpu";
  /** How a remote worker fetches the packed data set. */
  readonly dataset: { readonly byteLength: number; readonly chunkBytes: number; readonly hashes: string[] };
  readChunk(index: number): Uint8Array;
  /** Hears what happens to members. */
  onMember?(what: "joined" | "ready" | "lost", member: MemberInfo): void;
}

/** The samples of one unit of work, in order, and what their random draws are named by. */
export interface Samples {
  readonly seed: number;
  readonly epoch: number;
  readonly ids: ArrayLike<number>;
}

/** Losses and logits in sample order. */
export interface Predictions {
  readonly losses: Float32Array;
  readonly logits: Float32Array;
}

/** What is done with the answers; true when they are complete. */
interface Handlers {
  onPartial?(frame: PartialFrame): boolean;
  onPredictions?(frame: PredictionsFrame): boolean;
}

/** A step or evaluation under way, and what its workers still owe. */
interface Running extends Handlers {
  readonly step: number;
  readonly leaves: readonly Range[];
  readonly owners: Map<Member, { readonly images: number; answers: number }>;
  readonly done: PromiseWithResolvers<void>;
}

type WelcomeConfig = Extract<CoordinatorMessage, { type: "welcome" }>["config"];

const HELLO_DEADLINE_MS = 10_000;

/** Listens for workers and computes with them. Any failure ends the whole cluster: every call then rejects with its error. */
export class Cluster implements AsyncDisposable {
  readonly #options: ClusterOptions;
  readonly #members = new Set<Member>();
  readonly #failure = Promise.withResolvers<never>();
  #listener: Listener | undefined;
  #changed = Promise.withResolvers<void>();
  #step = 0;
  #weights: Uint8Array | undefined;
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

  /** HOST:PORT */
  get address(): string {
    return `${this.#listener!.hostname}:${this.#listener!.port}`;
  }

  /** The workers that can compute, by id. */
  get members(): MemberInfo[] {
    return this.#ready().map((member) => member.info);
  }

  /** All workers that could compute at some time, by id. */
  get history(): MemberInfo[] {
    return [...this.#past, ...this.members];
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
        `Only ${this.#ready().length} of ${count} workers were ready after ${seconds} s: see the worker logs`,
      );
    });
  }

  /** Sends new weights to every worker, encoded once. */
  async setWeights(weights: Float32Array): Promise<void> {
    this.#weights = encodeFrame(this.#options.runId, { kind: "weights", step: this.#step + 1, weights });
    const sends = this.#ready().map((member) => this.#sendWeights(member));
    await Promise.race([Promise.all(sends), this.#failure.promise]);
  }

  /** The sum of the samples' gradients, with their losses and logits: the all-reduce of one training step. */
  async gradients(samples: Samples): Promise<PartialSum> {
    const leaves = leafRanges(samples.ids.length, this.#options.config.microBatch);
    const tree = new ReductionTree(leaves.length);
    await this.#run("train", samples, leaves, {
      onPartial: ({ level, index, gradient, losses, logits }) => {
        const { start, end } = nodeRange(leaves.length, { level, index });
        const count = (leaves[end - 1]?.end ?? 0) - (leaves[start]?.start ?? 0);
        this.#check(
          gradient.length === parameterCount(this.#options.config.model),
          `${gradient.length} gradient values`,
        );
        this.#check(losses.length === count, `${losses.length} losses for ${count} samples`);
        tree.add({ node: { level, index }, gradient, losses, logits });
        return tree.missing().length === 0;
      },
    });
    return tree.result();
  }

  /** Losses and logits of the samples, without augmentation and dropout. */
  async evaluate(samples: Samples): Promise<Predictions> {
    const { microBatch, model: { classes } } = this.#options.config;
    const leaves = leafRanges(samples.ids.length, microBatch);
    const losses = new Float32Array(samples.ids.length);
    const logits = new Float32Array(samples.ids.length * classes);
    const missing = new Set(leaves.keys());
    await this.#run("evaluate", samples, leaves, {
      onPredictions: (frame) => {
        const leaf = leaves[frame.index];
        const count = leaf === undefined ? 0 : leaf.end - leaf.start;
        this.#check(frame.losses.length === count, `${frame.losses.length} losses for ${count} samples`);
        losses.set(frame.losses, leaf!.start);
        logits.set(frame.logits, leaf!.start * classes);
        missing.delete(frame.index);
        return missing.size === 0;
      },
    });
    return { losses, logits };
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
    await this.#listener?.close();
  }

  #ready(): Member[] {
    return [...this.#members].filter((member) => member.ready !== undefined)
      .sort((a, b) => a.id.localeCompare(b.id, "en", { numeric: true }));
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

  /** Gives out the leaves of one unit of work and waits until its handlers say that all answers are in. */
  async #run(
    task: "train" | "evaluate",
    { seed, epoch, ids }: Samples,
    leaves: readonly Range[],
    handlers: Handlers,
  ): Promise<void> {
    const members = this.#ready();
    const step = ++this.#step;
    const done = Promise.withResolvers<void>();
    const running: Running = { step, leaves, owners: new Map(), done, ...handlers };
    this.#running = running;
    const mean = members.reduce((sum, { speed }) => sum + (speed ?? 0), 0) / members.length || 1;
    const ranges = assignLeaves(leaves.map(({ start, end }) => end - start), members.map(({ speed }) => speed ?? mean));
    members.forEach((member, i) => {
      const range = ranges[i]!;
      if (range.start === range.end) return;
      running.owners.set(member, { images: imagesIn(leaves, range), answers: answersIn(task, leaves.length, range) });
      const samples = leaves.slice(range.start, range.end).map(({ start, end }) => Array.from(ids).slice(start, end));
      const leafCount = leaves.length;
      member.begin((error) => this.#lost(member, error));
      member.channel.send({ ...this.#envelope(), type: "work", task, seed, epoch, leafCount, range, samples });
    });
    try {
      await Promise.race([done.promise, this.#failure.promise]);
    } finally {
      this.#running = undefined;
    }
  }

  /** Talks with one connection until it ends. Never throws: what goes wrong is the member's loss. */
  async #serve(socket: WebSocket): Promise<void> {
    const channel = new Channel<WorkerMessage, CoordinatorMessage>(socket, parseWorkerMessage);
    const member = new Member("", channel);
    this.#members.add(member);
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
    switch (message.type) {
      case "hello":
        return this.#welcome(member, message);
      case "chunk-request":
        this.#check(message.index < this.#options.dataset.hashes.length, `a request for chunk ${message.index}`);
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
        await this.#sendWeights(member);
        member.ready = message;
        this.#options.onMember?.("ready", member.info);
        this.#changed.resolve();
        this.#changed = Promise.withResolvers();
        return;
      }
      case "heartbeat":
        return member.sign(message.leaves, message.milliseconds);
      case "failed":
        return this.#lost(member, new HerdError("cluster", message.message));
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
    if (frame.kind === "weights" || frame.kind === "chunk") {
      throw new HerdError("cluster", `it sent a ${frame.kind} frame`);
    }
    const work = running?.step === frame.step ? running.owners.get(member) : undefined;
    if (running === undefined || work === undefined) {
      member.channel.send({ ...this.#envelope(), type: "stale", step: frame.step });
      return;
    }
    member.sign(0);
    const complete = frame.kind === "partial" ? running.onPartial?.(frame) : running.onPredictions?.(frame);
    work.answers--;
    if (work.answers === 0) member.finish(frame.kind === "partial" ? work.images : 0);
    if (complete === true) running.done.resolve();
  }

  /** Throws inside the loop of the member whose frame is being handled. */
  #check(condition: boolean, seen: string): void {
    if (!condition) throw new HerdError("cluster", `it sent ${seen}`);
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
    this.#options.onMember?.("lost", member.info);
    if (member.ready === undefined) return;
    this.fail(
      new HerdError(
        "cluster",
        `Worker ${member.description} is lost: ${messageOf(error)}; see its log in the run's folder`,
      ),
    );
  }
}

function imagesIn(leaves: readonly Range[], range: Range): number {
  return leaves[range.end - 1]!.end - leaves[range.start]!.start;
}

/** Frames that a range is answered with: one a subtree in training, one a leaf in evaluation. */
function answersIn(task: "train" | "evaluate", leafCount: number, range: Range): number {
  return task === "train" ? subtreesIn(leafCount, range).length : range.end - range.start;
}
