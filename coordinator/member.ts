// One connected worker, as the coordinator sees it.
import { Channel } from "../shared/channel.ts";
import { HerdError } from "../shared/errors.ts";
import type { CoordinatorMessage, WorkerMessage } from "../shared/protocol.ts";
import { leafDeadline } from "./deadline.ts";

type Ready = Extract<WorkerMessage, { type: "ready" }>;

/** What the report says of a worker. */
export interface MemberInfo {
  readonly id: string;
  readonly host: string;
  readonly pid: number;
  readonly engine: Ready["engine"];
  readonly adapter: string;
  readonly fingerprint: string;
  readonly imagesPerSecond: number;
  /** Spent in leaves of training steps, as the worker measured it. */
  readonly computeSeconds: number;
}

/** Part of the newest speed in the running mean. */
const SPEED_WEIGHT = 0.3;

/** A worker's connection, its speed, and what it is doing. */
export class Member {
  id: string;
  readonly channel: Channel<WorkerMessage, CoordinatorMessage>;
  host = "";
  pid = 0;
  /** Set when the worker can compute. */
  ready: Ready | undefined;
  #speed: number | undefined;
  #slowestLeaf: number | undefined;
  #started = 0;
  #computeSeconds = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #late: ((error: HerdError) => void) | undefined;

  constructor(id: string, channel: Channel<WorkerMessage, CoordinatorMessage>) {
    this.id = id;
    this.channel = channel;
  }

  /** "w2 (pid 4711 on host)": for messages. */
  get description(): string {
    return `${this.id} (pid ${this.pid}${this.host ? ` on ${this.host}` : ""})`;
  }

  /** Images a second in a training step, smoothed; undefined until measured. */
  get speed(): number | undefined {
    return this.#speed;
  }

  get info(): MemberInfo {
    const { engine = "cpu", adapter = "", fingerprint = "" } = this.ready ?? {};
    const imagesPerSecond = this.#speed ?? 0;
    return {
      id: this.id,
      host: this.host,
      pid: this.pid,
      engine,
      adapter,
      fingerprint,
      imagesPerSecond,
      computeSeconds: this.#computeSeconds,
    };
  }

  /** The worker has been given leaves: `late` is called if it then shows no sign of life for a leaf's deadline. */
  begin(late: (error: HerdError) => void): void {
    this.#late = late;
    this.#started = performance.now();
    this.#watch();
  }

  /** A sign of life between leaves, and what they took. */
  sign(leaves: number, milliseconds = 0): void {
    if (leaves > 0) this.#slowestLeaf = Math.max(this.#slowestLeaf ?? 0, milliseconds / leaves);
    this.#computeSeconds += milliseconds / 1000;
    if (this.#timer !== undefined) this.#watch();
  }

  /** All its leaves are in; with `images` > 0 the time counts as a measure of its speed. */
  finish(images: number): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (images === 0) return;
    const speed = images / ((performance.now() - this.#started) / 1000);
    this.#speed = this.#speed === undefined ? speed : (1 - SPEED_WEIGHT) * this.#speed + SPEED_WEIGHT * speed;
  }

  #watch(): void {
    clearTimeout(this.#timer);
    const deadline = leafDeadline(this.#slowestLeaf);
    this.#timer = setTimeout(() => {
      this.#late?.(new HerdError("cluster", `it has shown no sign of life for ${Math.round(deadline / 1000)} s`));
    }, deadline);
  }
}
