// Lets workers in: what is said on a connection until its worker can compute, and what of it concerns the work from then on.
// @ts-types="@types/ws"
import type { WebSocket } from "ws";
import type { ServedDataset } from "../../data/mod.ts";
import { Channel, type Meter } from "../../shared/channel.ts";
import { HerdError } from "../../shared/errors.ts";
import { type Frame, largestAnswer } from "../../shared/frames.ts";
import {
  type CoordinatorMessage,
  MOST_CHARACTERS,
  parseWorkerMessage,
  PROTOCOL_VERSION,
  type WorkerMessage,
} from "../../shared/protocol.ts";
import { listen, type Listener, type ListenOptions } from "../door/mod.ts";
import { LEAF_LIMITS } from "./deadline.ts";
import { Member } from "./member.ts";
import type { ClusterOptions } from "./options.ts";
import type { Roll } from "./roll.ts";
import { EXCLUDED, nameFor, Standings } from "./standing.ts";

/** Who hears of members. */
export interface AdmissionEvents {
  /** A worker has come; it may still have to fetch its data. */
  onJoined(member: Member): void;
  /** A member can compute. */
  onReady(member: Member): void;
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

/** Where workers come in. */
export class Admission {
  readonly #options: ClusterOptions;
  readonly #roll: Roll;
  readonly #events: AdmissionEvents;
  readonly #standings: Standings;
  #listener: Listener | undefined;

  constructor(options: ClusterOptions, roll: Roll, events: AdmissionEvents) {
    this.#options = options;
    this.#roll = roll;
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

  /** Whether a worker has come that was not started by the run: such a one knows the token, and may come again. */
  get hadOutsiders(): boolean {
    return this.#standings.hadOutsiders;
  }

  /** Closes the door and drops all connections. */
  async close(): Promise<void> {
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
    this.#roll.add(member);
    channel.sendPings();
    const greeting = setTimeout(
      () => this.#roll.lose(member, new HerdError("cluster", "it did not say hello")),
      HELLO_DEADLINE_MS,
    );
    try {
      for await (const event of channel) {
        clearTimeout(greeting);
        if (!this.#roll.has(member)) continue; // it is refused or lost, and the connection is closing
        if ("frame" in event) this.#onFrame(member, event.frame);
        else if ("message" in event) await this.#onMessage(member, event.message, from);
        else if (member.ready === undefined) throw event.broken;
        else this.#events.onBroken(member, event.broken);
      }
      this.#roll.lose(member, new HerdError("cluster", "its connection closed"));
    } catch (error) {
      if (error instanceof HerdError) this.#roll.lose(member, error);
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
        return member.channel.send({ ...this.#roll.envelope(0), type: "manifest", dataset });
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
        return this.#roll.lose(member, new HerdError("cluster", message.message));
      default: {
        const unknown: never = message;
        throw new Error(`Unknown message: ${JSON.stringify(unknown)}`);
      }
    }
  }

  #welcome(member: Member, hello: Extract<WorkerMessage, { type: "hello" }>): void {
    member.id = nameFor(hello, this.#roll.names);
    member.host = hello.host;
    member.pid = hello.pid;
    if (hello.protocol !== PROTOCOL_VERSION) {
      const versions = `protocol ${hello.protocol}, this coordinator ${PROTOCOL_VERSION}`;
      return this.#roll.refuse(member, `it speaks ${versions}: use the same version of Herd on both sides`);
    }
    member.standing = this.#standings.enter(member.id, hello.pid);
    if (member.standing.isExcluded) return this.#roll.refuse(member, EXCLUDED);
    // The same worker on a new connection: the old one is dead, though nothing has said so yet.
    for (const other of this.#roll.namesakes(member)) {
      this.#roll.lose(other, new HerdError("cluster", "it has connected anew"));
    }
    member.channel.runId = this.#options.runId;
    this.#events.onJoined(member);
    const { config, configHash, backend } = this.#options;
    member.channel.send({
      ...this.#roll.envelope(0),
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
      return this.#roll.refuse(
        member,
        "its config has another hash: use the same version of Herd on both sides",
      );
    }
    member.ready = message;
    this.#roll.enter(member);
    this.#events.onReady(member);
  }
}
