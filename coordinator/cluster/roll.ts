// Who belongs to the cluster: the workers that are there, those that were, and what they have been seen to do.
import { byId } from "../../shared/by_id.ts";
import { messageOf } from "../../shared/errors.ts";
import { within } from "../../shared/within.ts";
import type { Traffic, WorkerInfo } from "../events/mod.ts";
import { Exclusions } from "./exclusions.ts";
import type { Member } from "./member.ts";
import { EXCLUDED } from "./standing.ts";

const FAREWELL_MS = 500;
/** Of those that are gone; what the report says of all of them follows from the events. */
const MOST_REMEMBERED = { workers: 1_000, fingerprints: 100 } as const;

/** The workers of a run. */
export class Roll {
  readonly #runId: string;
  readonly #onLost: (member: Member, reason: string) => void;
  readonly #members = new Set<Member>();
  readonly #exclusions = new Exclusions();
  /** The one that left last at the end. */
  readonly #past = new Map<string, WorkerInfo>();
  readonly #fingerprints = new Set<string>();
  #retired: Traffic = { up: 0, down: 0 };
  #stopped = false;

  /** @param onLost is told when a member is gone; it is not among the members any more */
  constructor(runId: string, onLost: (member: Member, reason: string) => void) {
    this.#runId = runId;
    this.#onLost = onLost;
  }

  /** The workers that can compute, by id. */
  get ready(): Member[] {
    return [...this.#members].filter(({ ready }) => ready !== undefined).sort(byId);
  }

  /** All workers that could compute at some time, by id. */
  get history(): WorkerInfo[] {
    const present = this.ready.map(({ info }) => info);
    const gone = [...this.#past.values()].filter(({ id }) => present.every((info) => info.id !== id));
    return [...present, ...gone].sort(byId);
  }

  /** Of all workers that could compute at some time, in the order of their coming, as far as there are not too many. */
  get fingerprints(): string[] {
    return [...this.#fingerprints];
  }

  /** Whether nobody can compute. */
  get isEmpty(): boolean {
    return !this.#members.values().some(({ ready }) => ready !== undefined);
  }

  /** Whether a worker of this name is connected. */
  hasName(name: string): boolean {
    return this.#members.values().some(({ id }) => id === name);
  }

  /** What a worker that is new here has to wait, in milliseconds, since one from its address was excluded. */
  waitFor(from: string): number {
    return this.#exclusions.waitFor(from, performance.now());
  }

  /** Whether a worker belongs to the run still. */
  has(member: Member): boolean {
    return this.#members.has(member);
  }

  /** Payload bytes from and to all workers so far. */
  get traffic(): Traffic {
    let { up, down } = this.#retired;
    for (const { channel } of this.#members) [up, down] = [up + channel.bytesIn, down + channel.bytesOut];
    return { up, down };
  }

  /** What every message of a step begins with. */
  envelope(step: number): { runId: string; step: number } {
    return { runId: this.#runId, step };
  }

  /** A worker has come and said who it is. */
  add(member: Member): void {
    this.#members.add(member);
  }

  /** A member can compute. */
  enter(member: Member): void {
    if (this.#fingerprints.size < MOST_REMEMBERED.fingerprints) this.#fingerprints.add(member.fingerprint);
  }

  /** The connections that go by a member's name, but for its own. */
  namesakes(member: Member): Member[] {
    return [...this.#members].filter((other) => other !== member && other.id === member.id);
  }

  /**
   * A worker has given a bad answer.
   * @param isJudged whether its bits were judged to be wrong
   * @returns true if it was one too many, and the worker is excluded
   */
  strike(member: Member, isJudged: boolean): boolean {
    const isExcluded = member.standing.strike(isJudged);
    if (isExcluded) {
      this.#exclusions.add(member.from, performance.now());
      this.refuse(member, EXCLUDED);
    }
    return isExcluded;
  }

  /** Drops a worker. */
  lose(member: Member, error: unknown): void {
    if (!this.#members.delete(member)) return;
    this.#retire(member);
    member.channel.terminate();
    if (!this.#stopped) this.#onLost(member, messageOf(error));
  }

  /** Lets a worker in no more, and tells it why. */
  refuse(member: Member, reason: string): void {
    if (!this.#members.delete(member)) return;
    this.#retire(member);
    this.turnAway(member.channel, reason);
  }

  /** Tells a connection why it is not let in. */
  turnAway(channel: Member["channel"], reason: string): void {
    channel.send({ ...this.envelope(0), type: "refused", reason });
    channel.close();
  }

  /** Tells the workers that the run is over, or may go on later; what they do after that is no fault. */
  stop(mayGoOn: boolean): void {
    if (this.#stopped) return;
    this.#stopped = true;
    for (const member of this.#members) {
      member.unwatch();
      member.channel.send({ ...this.envelope(0), type: "stop", mayGoOn });
      member.channel.close();
    }
  }

  /** Waits until the workers have taken leave, or have had the time to: a connection that is dropped takes what was said with it. */
  async farewell(): Promise<void> {
    const farewells = Promise.all([...this.#members].map(({ channel }) => channel.closed));
    await within(FAREWELL_MS, farewells, () => new Error("late")).catch(() => {});
  }

  #retire(member: Member): void {
    member.unwatch();
    const { up, down } = this.#retired;
    this.#retired = { up: up + member.channel.bytesIn, down: down + member.channel.bytesOut };
    if (member.ready === undefined) return;
    this.#past.delete(member.id);
    this.#past.set(member.id, member.info);
    if (this.#past.size > MOST_REMEMBERED.workers) {
      const [longestAgo] = this.#past.keys();
      this.#past.delete(longestAgo!);
    }
  }
}
