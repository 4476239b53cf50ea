// Lets workers in: what is said on a connection until its worker can compute, and what of it concerns the work from then on.
import type { ServedDataset } from "../../data/mod.ts";
import type { ByteBudget } from "../../shared/byte_budget.ts";
import { Channel } from "../../shared/channel.ts";
import { HerdError } from "../../shared/errors.ts";
import { encodeFrame, type Frame, largestAnswer } from "../../shared/frames.ts";
import { isProof } from "../../shared/handshake.ts";
import {
  type CoordinatorMessage,
  MOST_CHARACTERS,
  parseWorkerMessage,
  type WorkerMessage,
} from "../../shared/protocol.ts";
import { listen, type Listener, type Visit } from "../door/mod.ts";
import { ChunkTurns } from "./chunk_turns.ts";
import { LEAF_LIMITS } from "./deadline.ts";
import { Identities, type Identity } from "./identities.ts";
import { Member } from "./member.ts";
import type { ClusterOptions } from "./options.ts";
import type { Roll } from "./roll.ts";
import { EXCLUDED } from "./standing.ts";

/** Who hears of members. */
export interface AdmissionEvents {
  /** A worker has come; it may still have to fetch its data. */
  onJoined(member: Member): void;
  /** A member that cannot compute yet says what it is doing. */
  onPreparing(member: Member, text: string): void;
  /** A member can compute. */
  onReady(member: Member): void;
  onFrame(member: Member, frame: Frame): void;
  onHeartbeat(member: Member): void;
  /** A member tells what its clock shows, in microseconds. */
  onClock(member: Member, microseconds: number): void;
  /** A member tells what an answer took. */
  onSpans(member: Member, spans: Extract<WorkerMessage, { type: "spans" }>): void;
  /** A member sent something that cannot be read. */
  onBroken(member: Member, error: HerdError): void;
  /** A worker of this machine says that it cannot work. */
  onUnable(member: Member, reason: string): void;
  /** This side has failed: no worker has to do with it. */
  onFailure(error: unknown): void;
}

const HELLO_DEADLINE_MS = 10_000;
type Hello = Extract<WorkerMessage, { type: "hello" }>;
type WorkerChannel = Member["channel"];

/** Where workers come in. */
export class Admission {
  readonly #options: ClusterOptions;
  readonly #roll: Roll;
  readonly #events: AdmissionEvents;
  readonly #identities: Identities;
  readonly #budget: ByteBudget;
  readonly #chunks = new ChunkTurns();
  #listener: Listener | undefined;

  constructor(
    options: ClusterOptions,
    { roll, budget }: { readonly roll: Roll; readonly budget: ByteBudget },
    events: AdmissionEvents,
  ) {
    this.#options = options;
    this.#roll = roll;
    this.#events = events;
    this.#budget = budget;
    this.#identities = new Identities(options.limits?.pace, (name) => roll.hasName(name));
  }

  /** Starts to listen. @throws {HerdError} cluster, if the address is taken */
  async listen(): Promise<void> {
    const { hostname, port, token, runId, tls, door, config } = this.#options;
    const maxPayload = Math.max(largestAnswer(config), MOST_CHARACTERS.fromWorker);
    const onVisit = (visit: Visit) => void this.#serve(visit);
    const limits = door === undefined ? {} : { limits: door };
    this.#listener = await listen({ hostname, port, token, runId, maxPayload, tls, ...limits, onVisit });
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
    return this.#identities.hadOutsiders;
  }

  /** A launcher is about to start a worker. @returns the secret by which it is known */
  expect(name: string, { isOwn }: { readonly isOwn: boolean }): string {
    return this.#identities.expect(name, { isOwn });
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
  async #serve({ socket, from, meter, transcript }: Visit): Promise<void> {
    const channel: WorkerChannel = new Channel(socket, parseWorkerMessage, { meter, budget: this.#budget });
    channel.sendPings();
    const greeting = setTimeout(() => channel.terminate(), HELLO_DEADLINE_MS);
    let member: Member | undefined;
    try {
      for await (const event of channel) {
        clearTimeout(greeting);
        if (member === undefined) {
          // Nobody is a member before that: what else comes first is nobody's loss.
          if (!("message" in event) || event.message.type !== "hello") break;
          member = this.#welcome(event.message, { channel, from, transcript });
          if (member === undefined) break;
          continue;
        }
        if (!this.#roll.has(member)) continue; // it is refused or lost, and the connection is closing
        if ("frame" in event) this.#onFrame(member, event.frame);
        else if ("message" in event) await this.#onMessage(member, event.message);
        else if (member.ready === undefined) throw event.broken;
        else this.#events.onBroken(member, event.broken);
      }
      if (member === undefined) channel.close();
      else this.#roll.lose(member, new HerdError("cluster", "its connection closed"));
    } catch (error) {
      if (!(error instanceof HerdError)) this.#events.onFailure(error);
      else if (member === undefined) channel.terminate();
      else this.#roll.lose(member, error);
    } finally {
      clearTimeout(greeting);
    }
  }

  #onFrame(member: Member, frame: Frame): void {
    if (member.ready === undefined) throw new HerdError("cluster", `it sent a ${frame.kind} frame before it was ready`);
    this.#events.onFrame(member, frame);
  }

  async #onMessage(member: Member, message: WorkerMessage): Promise<void> {
    if (message.runId !== this.#options.runId) {
      throw new HerdError("cluster", `it sent "${message.type}" for run "${message.runId}"`);
    }
    switch (message.type) {
      case "hello":
        throw new HerdError("cluster", "it said hello twice");
      case "manifest-request": {
        const dataset = await this.#dataset.manifest();
        return member.channel.send({ ...this.#roll.envelope(0), type: "manifest", dataset });
      }
      case "chunk-request": {
        // Its next message is not looked at before this one is answered: one chunk is under way a member.
        using _turn = await this.#chunks.take();
        if (!this.#roll.has(member)) return;
        return await member.channel.sendBytes(this.#chunkFrame(message.index));
      }
      case "preparing":
        if (member.ready !== undefined) throw new HerdError("cluster", "it is preparing itself when it is ready");
        if (member.mayTell()) this.#events.onPreparing(member, message.text);
        return;
      case "ready":
        if (member.ready !== undefined) throw new HerdError("cluster", "it said twice that it is ready");
        return this.#admit(member, message);
      case "heartbeat":
        member.sign(message.leaves, message.milliseconds);
        return this.#events.onHeartbeat(member);
      case "clock":
        return this.#events.onClock(member, message.microseconds);
      case "spans":
        return this.#events.onSpans(member, message);
      case "failed":
        // An own worker that cannot start will not do so next time; a remote one may be mended and come back.
        if (member.ready === undefined && member.isOwn && !message.again) {
          this.#events.onUnable(member, message.message);
        }
        return this.#roll.lose(member, new HerdError("cluster", message.message));
      default: {
        const unknown: never = message;
        throw new Error(`Unknown message: ${JSON.stringify(unknown)}`);
      }
    }
  }

  /** @returns undefined for somebody who is not let in, and hears why */
  #welcome(
    hello: Hello,
    { channel, from, transcript }: { readonly channel: WorkerChannel } & Pick<Visit, "from" | "transcript">,
  ): Member | undefined {
    const { name, proof, host, pid } = hello;
    const refuse = (reason: string) => void this.#roll.turnAway(channel, reason);
    const knows = (secret: string) => proof !== undefined && isProof(proof, secret, `worker ${name}`, transcript);
    let identity = this.#identities.recognize({ name, knows });
    if (identity === undefined) {
      if (this.#identities.isReserved(name)) {
        return refuse(
          `the name "${name}" is for a worker that a launcher starts, and this is not the last one so started`,
        );
      }
      const wait = this.#roll.waitFor(from);
      if (wait > 0) {
        const again = `new ones are let in from there in ${Math.ceil(wait / 1000)} s`;
        return refuse(`a worker from its address was excluded after bad answers: ${again}`);
      }
      identity = this.#identities.welcome(name);
    }
    if (identity.standing.isExcluded) return refuse(EXCLUDED);
    channel.runId = this.#options.runId;
    const limits = this.#options.limits?.leaf ?? LEAF_LIMITS;
    const member = new Member({ channel, identity, from, host, pid }, limits);
    // The same worker on a new connection: the old one is dead, though nothing has said so yet.
    for (const other of this.#roll.namesakes(member)) {
      this.#roll.lose(other, new HerdError("cluster", "it has connected anew"));
    }
    this.#roll.add(member);
    this.#events.onJoined(member);
    channel.send(this.#welcomeTo(identity));
    return member;
  }

  #welcomeTo({ name, secret, isLaunched }: Identity): CoordinatorMessage {
    const { config, configHash, backend, fallsBack = backend === "auto", runId, probeKey = runId } = this.#options;
    const { traced = false } = this.#options;
    return {
      ...this.#roll.envelope(0),
      type: "welcome",
      workerId: name,
      ...(isLaunched ? {} : { secret }),
      probeKey,
      config,
      configHash,
      backend,
      fallsBack,
      traced,
    };
  }

  /** Nothing but the frame stays in memory while it waits to be read. */
  #chunkFrame(index: number): Uint8Array {
    return encodeFrame(this.#options.runId, { kind: "chunk", index, bytes: this.#dataset.readChunk(index) });
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
