// One WebSocket, seen the same from both ends: an async iterable of validated messages and frames, and sends that resolve
// when the data has left, so that a slow peer holds its sender back. How much of a frame has left cannot be seen here: a write
// is over or not. So either end tells the other in its pings how much it has read.
// @ts-types="@types/ws"
import type { RawData, WebSocket } from "ws";
import type { ByteBudget, Holder } from "./byte_budget.ts";
import { HerdError, messageOf } from "./errors.ts";
import { decodeFrame, encodeFrame, type Frame } from "./frames.ts";
import { leastProgress, Progress, PROGRESS_LIMITS, type ProgressLimits, whileMoving } from "./progress.ts";
import type { Parser } from "./protocol.ts";

/** Options that both ends of a connection use. */
export const SOCKET_OPTIONS = { perMessageDeflate: false } as const;

const PING_MS = 15_000;
/** So many intervals without a sign of the peer mean that it is gone, though nobody closed the connection. */
const SILENT_PINGS = 7;

/** So much may wait to be read; then the peer has to wait too. A single frame may be larger. */
const MOST_WAITING = { count: 1024, bytes: 64 * 1024 * 1024 } as const;

/** What a WebSocket adds to a ping or pong of a client. */
const CONTROL_HEAD_BYTES = 6;

/** Control messages that a peer may leave unread. */
const MOST_UNREAD = 10_000;

/** What is known of the connection below a WebSocket: bytes so far, of messages that are not whole yet too. */
export interface Meter {
  /** Bytes that have come in so far, also of a message that is not whole yet. */
  readonly bytesRead: number;
  /** Those that wait to be written count. */
  readonly bytesWritten: number;
  /** Calls back with all that comes in, before it becomes messages. */
  prependListener(event: "data", listener: (chunk: Uint8Array) => void): unknown;
}

/** Settings of a {@linkcode Channel}. */
export interface ChannelOptions {
  /** The connection below; without it only whole messages are seen to move. */
  readonly meter?: Meter;
  /** What this connection's queues share with others. */
  readonly budget?: ByteBudget;
  /** How long a peer may take; tests shorten it. */
  readonly limits?: ProgressLimits;
}

/** The peer has stopped reading: it hangs, or the network between is broken. */
export class PeerStalled extends HerdError {
  /** An error of the code "cluster". */
  constructor(message: string) {
    super("cluster", message);
  }
}

/** What comes in: a control message, a binary frame, or something that is neither; the connection itself is sound. */
export type Incoming<In> = { readonly message: In } | { readonly frame: Frame } | { readonly broken: HerdError };

/** A connection over which `In` messages come in and `Out` messages go out. */
export class Channel<In, Out extends { runId: string }> implements AsyncIterable<Incoming<In>>, Holder {
  /** Names the run in frames; "" until it is known. */
  runId = "";
  /** Payload bytes so far. */
  bytesIn = 0;
  /** Payload bytes that went out so far. */
  bytesOut = 0;
  readonly #socket: WebSocket;
  readonly #queue: { readonly incoming: Incoming<In>; readonly bytes: number }[] = [];
  #waitingBytes = 0;
  #unread = 0;
  #paused = false;
  #closing = false;
  #error: unknown;
  #scratch: Uint8Array<ArrayBuffer> | undefined;
  readonly #meter: Meter | undefined;
  readonly #limits: ProgressLimits;
  readonly #budget: ByteBudget | undefined;
  /** Bytes that have come of a message that is not whole yet. */
  #arriving = 0;
  /** How much of what went out the peer has read, as it says. */
  #taken = 0;
  #closed = false;
  readonly #whenClosed = Promise.withResolvers<void>();
  #wake: (() => void) | undefined;
  readonly #listeners = new Set<() => void>();

  /** Listens to an open socket from now on. @param parse reads the peer's control messages */
  constructor(socket: WebSocket, parse: Parser<In>, { meter, budget, limits = PROGRESS_LIMITS }: ChannelOptions = {}) {
    this.#meter = meter;
    this.#budget = budget;
    this.#limits = limits;
    if (budget !== undefined) meter?.prependListener("data", ({ length }) => this.#arrive(length));
    this.#socket = socket;
    socket.binaryType = "arraybuffer";
    socket.on("message", (data: RawData, isBinary) => {
      this.#arrive(-this.#arriving);
      budget?.renew(this);
      if (this.#closing) return; // the peer may go on for a while, but nobody reads it
      const buffer = data as ArrayBuffer; // binary ones, by binaryType; text ones are a Buffer, which decodes the same
      const bytes = buffer.byteLength;
      this.bytesIn += bytes;
      // What throws inside the listener would end the process.
      try {
        this.#push(
          isBinary ? { frame: decodeFrame(this.runId, buffer) } : { message: parse(new TextDecoder().decode(buffer)) },
          bytes,
        );
      } catch (error) {
        if (error instanceof HerdError) this.#push({ broken: error }, bytes);
        else this.#fail(error);
      }
    });
    socket.on("pong", ({ length }) => this.#arrive(-length - CONTROL_HEAD_BYTES));
    socket.on("ping", (data) => {
      this.#arrive(-data.length - CONTROL_HEAD_BYTES);
      const taken = Number(new TextDecoder().decode(data));
      // More than there was to read is a lie, and would let a peer dawdle.
      if (taken > this.#taken) this.#taken = Math.min(taken, this.#meter?.bytesWritten ?? this.bytesOut);
    });
    socket.on("error", (error) => this.#fail(new HerdError("cluster", `The connection failed: ${messageOf(error)}`)));
    socket.on("close", () => {
      this.#closed = true;
      budget?.release(this);
      this.#whenClosed.resolve();
      this.#notify();
    });
  }

  /** Whether the connection is closed, or failed and about to be. */
  get isClosed(): boolean {
    return this.#closed || this.#error !== undefined;
  }

  /** Resolves when the connection has closed. */
  get closed(): Promise<void> {
    return this.#whenClosed.promise;
  }

  /** Sends a control message. */
  send(message: Out): void {
    if (this.#closed) return;
    const text = JSON.stringify(message);
    this.bytesOut += text.length;
    this.#unread++;
    this.#hold(text.length);
    this.#socket.send(text, () => {
      this.#unread--;
      this.#hold(-text.length);
    });
    if (this.#unread > MOST_UNREAD) this.#fail(new HerdError("cluster", "The peer does not read its messages"));
  }

  /** Sends a frame; see {@linkcode sendBytes}. The encoded bytes' memory serves again for the next frame of its size. */
  async sendFrame(frame: Frame): Promise<void> {
    const scratch = this.#scratch;
    this.#scratch = undefined;
    const bytes = encodeFrame(this.runId, frame, scratch);
    await this.sendBytes(bytes);
    this.#scratch = bytes;
  }

  /** Its bytes are too many: whoever waits for it learns that it is gone. */
  drop(): void {
    this.#fail(new HerdError("cluster", "Its connection moved nothing, and the memory for all connections was full"));
    this.terminate();
  }

  /**
   * Sends an encoded frame; resolves when it has been handed to the system, however long that takes while the peer reads.
   * @param isShared whether others send the same bytes, which are accounted for elsewhere
   * @throws {HerdError} cluster, if the connection breaks; {@linkcode PeerStalled}, if the peer reads too little
   */
  async sendBytes(bytes: Uint8Array, { isShared = false } = {}): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    // The sender may hear of a dead connection before its end is announced: from now on it counts as closed.
    const fail = (why: string) => {
      const error = new HerdError("cluster", `Could not send ${bytes.length} bytes: ${why}`);
      this.#fail(error);
      reject(error);
    };
    if (this.#closed) fail("the connection is closed");
    this.bytesOut += bytes.length;
    const held = isShared ? 0 : bytes.length;
    this.#hold(held);
    this.#socket.send(bytes, (error) => error ? fail(messageOf(error)) : resolve());
    try {
      await whileMoving(promise, {
        // A peer that sends a large frame itself tells only behind it what it has read.
        bytes: () => this.#taken + this.received,
        late: () => new PeerStalled(`The other end reads less than ${leastProgress(this.#limits)}`),
        limits: this.#limits,
      });
    } catch (error) {
      if (error instanceof PeerStalled) {
        this.#fail(error);
        this.terminate(); // what waits to be sent would hold a polite close back
      }
      throw error;
    } finally {
      this.#hold(-held);
    }
  }

  /** Bytes that have come in so far, those of a message that is not whole yet too. */
  get received(): number {
    return this.#meter?.bytesRead ?? this.bytesIn;
  }

  /** Shows the peer from time to time that this end is alive, and how much of what it sent has been read. */
  sendPings(): void {
    const timer = setInterval(() => this.#socket.ping(`${this.received}`), PING_MS);
    this.#socket.once("close", () => clearInterval(timer));
  }

  /** Fails the connection when the peer, who sends pings, falls silent. */
  expectPings(): void {
    const progress = new Progress(this.received, { lookMs: PING_MS, looks: SILENT_PINGS, bytesPerLook: 1 });
    const timer = setInterval(() => {
      if (progress.hasStalled(this.received)) {
        this.#fail(new HerdError("cluster", "The connection is silent: the coordinator is gone"));
      }
    }, PING_MS);
    this.#socket.once("close", () => clearInterval(timer));
  }

  /** Whether something that has come in and waits to be read satisfies a condition. */
  waits(condition: (incoming: Incoming<In>) => boolean): boolean {
    return this.#queue.some(({ incoming }) => condition(incoming));
  }

  /** Calls back whenever something has come in or the connection has ended, until disposed. */
  onChange(listener: () => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  /** Closes politely; the iteration ends. */
  close(): void {
    this.#closing = true;
    this.#resume(); // or the peer's farewell would not be read
    this.#socket.close(1000);
  }

  /** Drops the connection at once. */
  terminate(): void {
    this.#socket.terminate();
  }

  /** What comes in, in order, until the connection closes. Throws the first error of the connection or of what it brought. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Incoming<In>, void> {
    while (true) {
      const next = this.#queue.shift();
      if (next !== undefined) {
        this.#waitingBytes -= next.bytes;
        this.#hold(-next.bytes);
        if (!this.#isFull) this.#resume();
        yield next.incoming;
      } else if (this.#error !== undefined) throw this.#error;
      else if (this.#closed) return;
      else await new Promise<void>((resolve) => this.#wake = resolve);
    }
  }

  get #isFull(): boolean {
    return this.#queue.length >= MOST_WAITING.count || this.#waitingBytes >= MOST_WAITING.bytes;
  }

  #push(incoming: Incoming<In>, bytes: number): void {
    this.#queue.push({ incoming, bytes });
    this.#waitingBytes += bytes;
    this.#hold(bytes);
    if (this.#isFull) {
      this.#socket.pause();
      this.#paused = true;
    }
    this.#notify();
  }

  #hold(bytes: number): void {
    // What is left of a connection that is closed is let go of at once.
    if (bytes !== 0 && !this.#closed) this.#budget?.change(this, bytes);
  }

  /** Part of a message has come in, or the whole of it. */
  #arrive(bytes: number): void {
    const before = this.#arriving;
    this.#arriving = Math.max(0, before + bytes);
    this.#hold(this.#arriving - before);
  }

  #notify(): void {
    this.#wake?.();
    for (const listener of this.#listeners) listener();
  }

  #resume(): void {
    if (this.#paused) this.#socket.resume();
    this.#paused = false;
  }

  #fail(error: unknown): void {
    this.#error ??= error;
    this.#notify();
    this.#socket.close(1002);
  }
}
