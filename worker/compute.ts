// One order of the coordinator: has its leaves computed and sends the answers.
import type { Frame } from "../shared/frames.ts";
import type { Incoming } from "../shared/channel.ts";
import type { Compression } from "../shared/half.ts";
import type { CoordinatorMessage } from "../shared/protocol.ts";
import type { PartialSum, Predictions } from "../shared/sums.ts";
import type { EngineName } from "./engine.ts";

export type Work = Extract<CoordinatorMessage, { type: "work" }>;

/** What computes orders: an engine and its samples, or the workers behind a relay. Calls must not overlap. */
export interface Computer extends AsyncDisposable {
  readonly engine: EngineName;
  /** The device in words. */
  readonly adapter: string;
  /** What the answers' bits depend on. */
  readonly fingerprint: string;
  /** Takes the flat float32 weights for the calls that follow; copies what it keeps. */
  setWeights(flat: Float32Array): void;
  /**
   * The sums over the maximal subtrees of an order's leaves, in any order; each is valid until the next is asked for.
   * @param signal aborts when nobody wants them any more; a computer that can throws its reason then
   */
  gradients(work: Work, signal: AbortSignal): AsyncIterable<PartialSum>;
  /** The predictions for each leaf of an order, in order. @param signal as above */
  evaluate(work: Work, signal: AbortSignal): AsyncIterable<Predictions>;
}

/** The part of a channel that computing needs. */
export interface Answers {
  readonly isClosed: boolean;
  /** Takes what it sends before it returns; resolves when that has left. */
  sendFrame(frame: Frame): Promise<void>;
  waits(condition: (incoming: Incoming<CoordinatorMessage>) => boolean): boolean;
  onChange(listener: () => void): Disposable;
}

/** An order and what its answers need besides. */
export interface Task {
  readonly work: Work;
  /** Checksum of the weights that the computer has. */
  readonly weights: number;
  /** How gradients travel. */
  readonly compress: Compression;
}

/**
 * Computes the leaves of one step or evaluation and sends the answers, each while the next is computed; breaks off when the
 * cluster has gone on to another, or the connection has ended.
 * @throws {HerdError} cluster, if an answer cannot be sent
 */
export async function compute(
  channel: Answers,
  computer: Computer,
  task: Task,
): Promise<void> {
  const { work } = task;
  const unwanted = new AbortController();
  const { signal } = unwanted;
  const check = () => {
    const overtaken = channel.waits((event) => "message" in event && isLater(event.message, work));
    if (overtaken || channel.isClosed) unwanted.abort();
  };
  check();
  if (signal.aborted) return;
  using _ = channel.onChange(check);
  // One answer is on its way while the next is computed; more would only pile up.
  let upload = Promise.resolve();
  const send = async (frame: Frame) => {
    await upload;
    upload = channel.sendFrame(frame);
    upload.catch(() => {}); // thrown where it is awaited
  };
  try {
    for await (const frame of answers(computer, task, signal)) {
      await send(frame);
      if (signal.aborted) break;
    }
  } catch (error) {
    if (error !== signal.reason) throw error;
  }
  await upload;
}

async function* answers(
  computer: Computer,
  { work, weights, compress }: Task,
  signal: AbortSignal,
): AsyncGenerator<Frame> {
  const { step } = work;
  if (work.task === "evaluate") {
    let index = work.range.start;
    for await (const { losses, logits } of computer.evaluate(work, signal)) {
      yield { kind: "predictions", step, index: index++, weights, losses, logits };
    }
    return;
  }
  for await (const { node, gradient, losses, logits } of computer.gradients(work, signal)) {
    yield { kind: "partial", step, ...node, weights, gradient, losses, logits, compress };
  }
}

function isLater(message: CoordinatorMessage, { step }: Work): boolean {
  return message.type === "stop" || (message.type === "work" && message.step > step);
}
