// The newest weights on their way to every worker: encoded once, sent to each in its own time.
import { checksum, encodeFrame } from "../../shared/frames.ts";
import type { Compression } from "../../shared/half.ts";
import type { Member } from "./member.ts";

/** Brings weights to workers, and knows who has the newest. */
export class Broadcast {
  readonly #runId: string;
  #newest: { readonly version: number; readonly checksum: number; readonly bytes: Uint8Array } | undefined;
  /** The version that is on its way to each worker or there. */
  readonly #sent = new WeakMap<Member, number>();
  readonly #sending = new WeakSet<Member>();

  constructor(runId: string) {
    this.#runId = runId;
  }

  /** Of the newest weights, from 1; 0 if there are none. */
  get version(): number {
    return this.#newest?.version ?? 0;
  }

  /** CRC-32 of the newest weights; undefined if there are none. */
  get checksum(): number | undefined {
    return this.#newest?.checksum;
  }

  /** There are newer weights. @param compress how they travel */
  set(weights: Float32Array, compress: Compression): void {
    const version = this.version + 1;
    const bytes = encodeFrame(this.#runId, { kind: "weights", step: version, weights, compress });
    this.#newest = { version, checksum: checksum(weights), bytes };
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
        const { version, bytes } = this.#newest;
        this.#sent.set(member, version);
        const sent = member.channel.sendBytes(bytes);
        onWay();
        await sent;
      }
    } finally {
      this.#sending.delete(member);
    }
  }
}
