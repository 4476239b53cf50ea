// The newest weights on their way to every worker: encoded once, sent to each in its own time.
import type { ByteBudget, Holder } from "../../shared/byte_budget.ts";
import { checksum, encodeFrame } from "../../shared/frames.ts";
import type { Compression } from "../../shared/half.ts";
import type { Member } from "./member.ts";

/** Weights on their way: the same bytes for all, which are held as long as somebody is still being sent them. */
class Version implements Holder {
  readonly number: number;
  readonly checksum: number;
  readonly bytes: Uint8Array;
  readonly receivers = new Set<Member>();

  constructor(number: number, checksum: number, bytes: Uint8Array) {
    this.number = number;
    this.checksum = checksum;
    this.bytes = bytes;
  }

  /** The slowest of all have to go. */
  drop(): void {
    for (const { channel } of this.receivers) channel.drop();
  }
}

/** Brings weights to workers, and knows who has the newest. */
export class Broadcast {
  readonly #runId: string;
  readonly #budget: ByteBudget;
  #newest: Version | undefined;
  /** The version that is on its way to each worker or there. */
  readonly #sent = new WeakMap<Member, number>();
  readonly #sending = new WeakSet<Member>();

  /** @param budget that of the connections' queues */
  constructor(runId: string, budget: ByteBudget) {
    this.#runId = runId;
    this.#budget = budget;
  }

  /** Of the newest weights, from 1; 0 if there are none. */
  get version(): number {
    return this.#newest?.number ?? 0;
  }

  /** CRC-32 of the newest weights; undefined if there are none. */
  get checksum(): number | undefined {
    return this.#newest?.checksum;
  }

  /** There are newer weights. @param compress how they travel */
  set(weights: Float32Array, compress: Compression): void {
    const number = this.version + 1;
    const bytes = encodeFrame(this.#runId, { kind: "weights", step: number, weights, compress });
    const before = this.#newest;
    this.#newest = new Version(number, checksum(weights), bytes);
    // Only those that are too slow hold it from now on.
    if (before !== undefined && before.receivers.size > 0) this.#budget.change(before, before.bytes.length);
  }

  /** Whether the newest weights are on their way to a worker or there: work for them may follow, as sockets keep the order. */
  hasReached(member: Member): boolean {
    return (this.#sent.get(member) ?? 0) === this.version;
  }

  /** What a worker has is not to be relied on: it is sent again. */
  forget(member: Member): void {
    this.#sent.delete(member);
  }

  /**
   * Sends the newest weights to a worker that lacks them. While older ones are still on their way nothing is added to them: a
   * stalled worker must not hold the others back, nor pile up frames.
   * @param onWay is called whenever the newest are on their way
   * @throws {HerdError} cluster, if they cannot be sent
   */
  async send(member: Member, onWay: () => void): Promise<void> {
    if (this.#sending.has(member)) return;
    this.#sending.add(member);
    try {
      while (this.#newest !== undefined && !this.hasReached(member)) {
        await this.#sendVersion(this.#newest, member, onWay);
      }
    } finally {
      this.#sending.delete(member);
    }
  }

  async #sendVersion(version: Version, member: Member, onWay: () => void): Promise<void> {
    version.receivers.add(member);
    this.#sent.set(member, version.number);
    try {
      const sent = member.channel.sendBytes(version.bytes, { isShared: true });
      onWay();
      await sent;
    } finally {
      version.receivers.delete(member);
      if (version.receivers.size === 0) this.#budget.release(version);
    }
  }
}
