// Who belongs to the cluster: lets workers in, gives them config, data and weights, remembers their standing, and says when
// they come and go. What they compute is cluster.ts's business.
// @ts-types="@types/ws"
import type { WebSocket } from "ws";
import type { ServedDataset } from "../../data/mod.ts";
import type { ServerCertificate } from "../../shared/certificates.ts";
import { Channel, type Meter } from "../../shared/channel.ts";
import type { ComputeConfig } from "../../shared/config.ts";
import type { Backend } from "../../shared/engine_names.ts";
import { HerdError, messageOf } from "../../shared/errors.ts";
import { type Frame, largestAnswer } from "../../shared/frames.ts";
import {
  type CoordinatorMessage,
  MOST_CHARACTERS,
  parseWorkerMessage,
  PROTOCOL_VERSION,
  type WorkerMessage,
} from "../../shared/protocol.ts";
import { within } from "../../shared/within.ts";
import type { WorkerInfo } from "../events/mod.ts";
import { type DoorLimits, listen, type Listener, type ListenOptions } from "../door/mod.ts";
import { LEAF_LIMITS, type LeafLimits } from "./deadline.ts";
import { Member } from "./member.ts";
import type { PaceLimits } from "./pace.ts";
import { EXCLUDED, type Identity, nameFor, Standings } from "./standing.ts";

/** What workers are told, and where. */
export interface MembershipOptions {
  /** 16 hexadecimal digits. */
  readonly runId: string;
  readonly token: string;
  readonly hostname: string;
  readonly port: number;
  /** Encrypts connections from outside; those of this machine have a door of their own then. */
  readonly tls?: ServerCertificate | undefined;
  /** Bounds on connections without the token; by default those of doorkeeper.ts. */
  readonly door?: DoorLimits;
  readonly config: ComputeConfig;
  readonly configHash: string;
  readonly backend: Backend;
  /** From where workers on other machines fetch the packed data set; without it there are none of them. */
  readonly dataset?: Pick<ServedDataset, "manifest" | "readChunk">;
  /** Bounds on waiting for a worker; by default those of deadline.ts and pace.ts. */
  readonly limits?: { readonly leaf: LeafLimits; readonly pace: PaceLimits };
}

/** Who hears of members. */
export interface MembershipEvents {
  onJoined(member: Member): void;
  onReady(member: Member): void;
  /** A member is gone; it is not among the members any more. */
  onLost(member: Member, reason: string): void;
  onFrame(member: Member, frame: Frame): void;
  onHeartbeat(member: Member): void;
  /** A member sent something that cannot be read. */
  onBroken(member: Member, error: HerdError): void;
  /** A worker of this machine says that it cannot work. */
  onUnable(member: Member, reason: string): void;
  /** This side has failed: no worker has to do with it. */
  onFailure(error: unknown): void;
}

const HELLO_DEADLINE_MS = 10_000;
const FAREWELL_MS = 500;

/** The workers of a run. */
export class Membership implements AsyncDisposable {
  readonly #options: MembershipOptions;
  readonly #events: MembershipEvents;
  readonly #members = new Set<Member>();
  readonly #standings: Standings;
  readonly #past = new Map<string, WorkerInfo>();
  readonly #fingerprints = new Set<string>();
  #listener: Listener | undefined;
  #retired = { up: 0, down: 0 };
  #stopped = false;

  constructor(options: MembershipOptions, events: MembershipEvents) {
    this.#options = options;
    this.#events = events;
    this.#standings = new Standings(options.limits?.pace);
  }

  /** Starts to listen. @throws {HerdError} cluster, if the address is taken */
  async listen(): Promise<void> {
    const { hostname, port, token, tls, door, config } = this.#options;
    const maxPayload = Math.max(largestAnswer(config), MOST_CHARACTERS.fromWorker);
    const onSocket: ListenOptions["onSocket"] = (...connection) => void this.#serve(...connection);
    const limits = door === undefined ? {} : { limits: door };
    this.#listener = await listen({ hostname, port, token, maxPayload, tls, ...limits, onSocket });
  }

  /** HOST:PORT for workers elsewhere. */
  get address(): string {
    return this.#listener!.address;
  }

  /** ws[s]://HOST:PORT for workers elsewhere. */
  get url(): string {
    return `${this.#options.tls === undefined ? "ws" : "wss"}://${this.address}`;
  }

  /** HOST:PORT for workers on this machine. */
  get localAddress(): string {
    return this.#listener!.localAddress;
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

  /** Of all workers that could compute at some time, in the order of their coming. */
  get fingerprints(): string[] {
    return [...this.#fingerprints];
  }

  /** Whether nobody can compute. */
  get isEmpty(): boolean {
    return !this.#members.values().some(({ ready }) => ready !== undefined);
  }

  /** Whether a worker has come that was not started by the run: such a one knows the token, and may come again. */
  get hadOutsiders(): boolean {
    return this.#standings.hadOutsiders;
  }

  /** Whether a worker belongs to the run still. */
  has(member: Member): boolean {
    return this.#members.has(member);
  }

  /** Payload bytes from and to all workers so far. */
  get traffic(): { up: number; down: number } {
    let { up, down } = this.#retired;
    for (const { channel } of this.#members) [up, down] = [up + channel.bytesIn, down + channel.bytesOut];
    return { up, down };
  }

  /** What every message of a step begins with. */
  envelope(step: number): { runId: string; step: number } {
    return { runId: this.#options.runId, step };
  }

  /** A worker has given a bad answer. @returns true if it was one too many, and the worker is excluded */
  strike(member: Member): boolean {
    const isExcluded = member.standing.strike();
    if (isExcluded) this.#refuse(member, EXCLUDED);
    return isExcluded;
  }

  /** Drops a worker. */
  lose(member: Member, error: unknown): void {
    if (!this.#members.delete(member)) return;
    this.#retire(member);
    member.channel.terminate();
    if (this.#stopped || member.id === "") return; // nobody knew it
    this.#events.onLost(member, messageOf(error));
  }

  /** Tells the workers that the run is over; what they do after that is no fault. */
  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    for (const member of this.#members) {
      member.unwatch();
      member.channel.send({ ...this.envelope(0), type: "stop" });
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

  get #dataset(): Pick<ServedDataset, "manifest" | "readChunk"> {
    const { dataset } = this.#options;
    if (dataset === undefined) throw new HerdError("cluster", "it asked for the data set, which is on its machine");
    return dataset;
  }

  /** Talks with one connection until it ends. Never throws: what goes wrong on the wire is the member's loss. */
  async #serve(socket: WebSocket, from: string, meter: Meter): Promise<void> {
    const channel = new Channel<WorkerMessage, CoordinatorMessage>(socket, parseWorkerMessage, { meter });
    const member = new Member(channel, this.#options.limits?.leaf ?? LEAF_LIMITS);
    this.#members.add(member);
    channel.sendPings();
    const greeting = setTimeout(
      () => this.lose(member, new HerdError("cluster", "it did not say hello")),
      HELLO_DEADLINE_MS,
    );
    try {
      for await (const event of channel) {
        clearTimeout(greeting);
        if (!this.#members.has(member)) continue; // it is refused or lost, and the connection is closing
        if ("frame" in event) this.#onFrame(member, event.frame);
        else if ("message" in event) await this.#onMessage(member, event.message, from);
        else if (member.ready === undefined) throw event.broken;
        else this.#events.onBroken(member, event.broken);
      }
      this.lose(member, new HerdError("cluster", "its connection closed"));
    } catch (error) {
      if (error instanceof HerdError) this.lose(member, error);
      else this.#events.onFailure(error);
    } finally {
      clearTimeout(greeting);
    }
  }

  #onFrame(member: Member, frame: Frame): void {
    if (member.ready === undefined) throw new HerdError("cluster", `it sent a ${frame.kind} frame before it was ready`);
    this.#events.onFrame(member, frame);
  }

  async #onMessage(member: Member, message: WorkerMessage, from: string): Promise<void> {
    if (message.type !== "hello" && member.id === "") {
      throw new HerdError("cluster", `it sent "${message.type}" before it said hello`);
    }
    if (message.type !== "hello" && message.runId !== this.#options.runId) {
      throw new HerdError("cluster", `it sent "${message.type}" for run "${message.runId}"`);
    }
    switch (message.type) {
      case "hello":
        if (member.id !== "") throw new HerdError("cluster", "it said hello twice");
        // Only a process of this machine may pass for a local worker, which says no host.
        return this.#welcome(member, { ...message, host: message.host || from });
      case "manifest-request": {
        const dataset = await this.#dataset.manifest();
        return member.channel.send({ ...this.envelope(0), type: "manifest", dataset });
      }
      case "chunk-request": {
        const { index } = message;
        return await member.channel.sendFrame({ kind: "chunk", index, bytes: this.#dataset.readChunk(index) });
      }
      case "ready":
        if (member.ready !== undefined) throw new HerdError("cluster", "it said twice that it is ready");
        return this.#admit(member, message);
      case "heartbeat":
        member.sign(message.leaves, message.milliseconds);
        return this.#events.onHeartbeat(member);
      case "failed":
        // A local worker that cannot start will not do so next time; a remote one may be mended and come back.
        if (member.ready === undefined && member.host === "") this.#events.onUnable(member, message.message);
        return this.lose(member, new HerdError("cluster", message.message));
      default: {
        const unknown: never = message;
        throw new Error(`Unknown message: ${JSON.stringify(unknown)}`);
      }
    }
  }

  #welcome(member: Member, hello: Extract<WorkerMessage, { type: "hello" }>): void {
    const known: readonly (Identity & { readonly id: string })[] = [...this.#past.values(), ...this.#members];
    member.id = nameFor(hello, new Map(known.map((one) => [one.id, one])));
    member.host = hello.host;
    member.pid = hello.pid;
    if (hello.protocol !== PROTOCOL_VERSION) {
      const versions = `protocol ${hello.protocol}, this coordinator ${PROTOCOL_VERSION}`;
      return this.#refuse(member, `it speaks ${versions}: use the same version of Herd on both sides`);
    }
    member.standing = this.#standings.enter(member.id, hello.pid);
    if (member.standing.isExcluded) return this.#refuse(member, EXCLUDED);
    // The same worker on a new connection: the old one is dead, though nothing has said so yet.
    for (const other of this.#members) {
      if (other !== member && other.id === member.id) {
        this.lose(other, new HerdError("cluster", "it has connected anew"));
      }
    }
    member.channel.runId = this.#options.runId;
    this.#events.onJoined(member);
    const { config, configHash, backend } = this.#options;
    member.channel.send({
      ...this.envelope(0),
      protocol: PROTOCOL_VERSION,
      type: "welcome",
      workerId: member.id,
      config,
      configHash,
      backend,
    });
  }

  #admit(member: Member, message: Extract<WorkerMessage, { type: "ready" }>): void {
    if (message.configHash !== this.#options.configHash) {
      return this.#refuse(member, "its config has another hash: use the same version of Herd on both sides");
    }
    member.ready = message;
    this.#fingerprints.add(message.fingerprint);
    this.#events.onReady(member);
  }

  #refuse(member: Member, reason: string): void {
    if (!this.#members.delete(member)) return;
    this.#retire(member);
    member.channel.send({ ...this.envelope(0), protocol: PROTOCOL_VERSION, type: "refused", reason });
    member.channel.close();
  }

  #retire(member: Member): void {
    member.unwatch();
    this.#retired.up += member.channel.bytesIn;
    this.#retired.down += member.channel.bytesOut;
    if (member.ready !== undefined) this.#past.set(member.id, member.info);
  }
}

const NUMBERS = new Intl.Collator("en", { numeric: true });

function byId(a: { readonly id: string }, b: { readonly id: string }): number {
  return NUMBERS.compare(a.id, b.id);
}
