// One connected worker, as the coordinator sees it.
import { Channel } from "../../shared/channel.ts";
import { HerdError } from "../../shared/errors.ts";
import { leastBytes } from "../../shared/progress.ts";
import type { CoordinatorMessage, WorkerMessage } from "../../shared/protocol.ts";
import type { WorkerInfo } from "../events/mod.ts";
import { leafDeadline, type LeafLimits } from "./deadline.ts";
import { Pace } from "./pace.ts";

type Ready = Extract<WorkerMessage, { type: "ready" }>;

/** What is remembered of a worker when it leaves and comes back: by its id. */
export interface Standing {
  readonly pace: Pace;
  /** Of the process that it was last; a new process starts afresh. */
  pid: number;
  strikes: number;
  /** Of its processes so far. */
  exclusions: number;
  /** What its slowest leaf took, in milliseconds; undefined before the first. */
  slowestLeaf: number | undefined;
}

/** A worker's connection, its standing, and what it is doing. */
export class Member {
  id = "";
  readonly channel: Channel<WorkerMessage, CoordinatorMessage>;
  host = "";
  pid = 0;
  /** Set when the worker can compute. */
  ready: Ready | undefined;
  standing: Standing = { pace: new Pace(), pid: 0, strikes: 0, exclusions: 0, slowestLeaf: undefined };
  /** Set when others have computed what it was asked for: nothing more is asked of it until it shows a sign of life. */
  late: { readonly images: number; readonly started: number; readonly training: boolean } | undefined;
  /** Version of the weights that are on their way to it or there; work for them may follow. */
  weightsVersion = 0;
  readonly #limits: LeafLimits;
  #sending = false;
  #computeSeconds = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(channel: Channel<WorkerMessage, CoordinatorMessage>, limits: LeafLimits) {
    this.channel = channel;
    this.#limits = limits;
  }

  /** "w2 (pid 4711 on host)": for messages. */
  get description(): string {
    return `${this.id} (pid ${this.pid}${this.host ? ` on ${this.host}` : ""})`;
  }

  /** Images a second in recent training steps; undefined until measured. */
  get speed(): number | undefined {
    return this.standing.pace.speed;
  }

  /** How long so many images may take before others are asked too, in milliseconds. */
  patience(images: number): number {
    return this.standing.pace.patience(images);
  }

  get info(): WorkerInfo {
    const { engine = "cpu", adapter = "", fingerprint = "" } = this.ready ?? {};
    return {
      id: this.id,
      host: this.host,
      pid: this.pid,
      engine,
      adapter,
      fingerprint,
      imagesPerSecond: this.speed ?? 0,
      computeSeconds: this.#computeSeconds,
    };
  }

  /**
   * Sends the newest weights. While older ones are still on their way nothing is added to them: a stalled worker must not hold
   * the others back, nor pile up frames. `newest` is asked again when it can take more.
   */
  async sendWeights(newest: () => { readonly version: number; readonly bytes: Uint8Array }): Promise<void> {
    if (this.#sending) return;
    this.#sending = true;
    try {
      for (let next = newest(); next.version > this.weightsVersion; next = newest()) {
        this.weightsVersion = next.version;
        await this.channel.sendBytes(next.bytes);
      }
    } finally {
      this.#sending = false;
    }
  }

  /** Calls `silent` unless the worker shows a sign of life within a leaf's deadline; counts from the first of such calls. */
  watch(silent: (error: HerdError) => void): void {
    if (this.#timer !== undefined) return;
    const deadline = leafDeadline(this.standing.slowestLeaf, this.#limits);
    const before = this.channel.received;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      // A large frame says nothing until it is whole.
      if (this.channel.received - before >= leastBytes(deadline)) return this.watch(silent);
      silent(new HerdError("cluster", `it has shown no sign of life for ${Math.round(deadline / 100) / 10} s`));
    }, deadline);
  }

  /** Nothing is expected of the worker, or it has shown a sign of life. */
  unwatch(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** Leaves are done, and what they took. */
  sign(leaves: number, milliseconds: number): void {
    if (leaves > 0) this.standing.slowestLeaf = Math.max(this.standing.slowestLeaf ?? 0, milliseconds / leaves);
    this.#computeSeconds += milliseconds / 1000;
  }
}
