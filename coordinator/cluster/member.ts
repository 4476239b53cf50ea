// One connected worker, as the coordinator sees it.
import type { Channel } from "../../shared/channel.ts";
import { HerdError } from "../../shared/errors.ts";
import { leastBytes } from "../../shared/progress.ts";
import type { CoordinatorMessage, WorkerMessage } from "../../shared/protocol.ts";
import type { WorkerInfo } from "../events/mod.ts";
import type { LeafLimits } from "./deadline.ts";
import type { Identity } from "./identities.ts";
import type { Hand } from "./order.ts";
import type { Pace } from "./pace.ts";
import type { Standing } from "./standing.ts";

type Ready = Extract<WorkerMessage, { type: "ready" }>;

/** Of what a worker says before it is ready. */
const MOST_TOLD = 20;

/** What is known of a worker when it has said hello. */
export interface Acquaintance {
  readonly channel: Channel<WorkerMessage, CoordinatorMessage>;
  readonly identity: Identity;
  /** The address that it comes from, "" for this machine's own. */
  readonly from: string;
  /** As it says; so is its process. */
  readonly host: string;
  readonly pid: number;
}

/** A worker's connection, its standing, and what it is doing. */
export class Member implements Hand {
  readonly id: string;
  /** Whether this coordinator has started the worker on this machine: nobody else can say so. */
  readonly isOwn: boolean;
  readonly channel: Channel<WorkerMessage, CoordinatorMessage>;
  /** The address that it comes from, "" for this machine's own. */
  readonly from: string;
  /** "" for the coordinator's own workers only. */
  readonly host: string;
  readonly pid: number;
  /** Set when the worker can compute. */
  ready: Ready | undefined;
  readonly standing: Standing;
  /** Set when others have computed what it was asked for: nothing more is asked of it until it shows a sign of life. */
  late: { readonly images: number; readonly started: number } | undefined;
  /** When its last sign of life came, of the clock that starts with the process. */
  seen = performance.now();
  readonly #limits: LeafLimits;
  #told = 0;
  #computeSeconds = 0;
  #takenSeconds = 0;
  /** When it came, and when the sign of life that is awaited began to be; of the clock that starts with the process. */
  readonly #came = performance.now();
  #awaited: number | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor({ channel, identity, from, host, pid }: Acquaintance, limits: LeafLimits) {
    this.id = identity.name;
    this.isOwn = identity.isOwn;
    this.standing = identity.standing;
    this.channel = channel;
    this.from = from;
    this.host = this.isOwn ? "" : host || from || "localhost";
    this.pid = pid;
    this.#limits = limits;
  }

  /** "w2 (pid 4711 on host)": for messages. */
  get description(): string {
    return `${this.id} (pid ${this.pid}${this.host ? ` on ${this.host}` : ""})`;
  }

  get pace(): Pace {
    return this.standing.pace;
  }

  get fingerprint(): string {
    return this.ready?.fingerprint ?? "";
  }

  get info(): WorkerInfo {
    const { engine = "", adapter = "", fingerprint = "" } = this.ready ?? {};
    return {
      id: this.id,
      host: this.host,
      pid: this.pid,
      engine,
      adapter,
      fingerprint,
      imagesPerSecond: this.pace.speed ?? 0,
      computeSeconds: this.#computeSeconds,
    };
  }

  /** Whether one thing more that it says of its preparations is told: nobody fills a terminal. */
  mayTell(): boolean {
    return this.#told++ < MOST_TOLD;
  }

  /** Calls `silent` unless the worker shows a sign of life within a leaf's deadline; counts from the first of such calls. */
  watch(silent: (error: HerdError) => void): void {
    if (this.#timer !== undefined) return;
    this.#awaited ??= performance.now();
    const deadline = this.standing.leafTimes.deadline(this.#limits, this.ready?.leafMilliseconds ?? Infinity);
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
    this.#awaited = undefined;
  }

  /** What it has spent in leaves since this was last asked. */
  takeSeconds(): number {
    const seconds = this.#computeSeconds - this.#takenSeconds;
    this.#takenSeconds = this.#computeSeconds;
    return seconds;
  }

  /** Leaves are done, and what they took: as the worker says, who must not say more than has passed here meanwhile. */
  sign(leaves: number, milliseconds: number): void {
    const now = performance.now();
    this.standing.leafTimes.record(leaves, Math.min(milliseconds, now - (this.#awaited ?? now)));
    this.#computeSeconds = Math.min(this.#computeSeconds + milliseconds / 1000, (now - this.#came) / 1000);
  }
}
