// One order of the coordinator: has its leaves computed and sends the answers.
import type { Frame } from "../shared/frames.ts";
import type { Incoming } from "../shared/channel.ts";
import type { Compression } from "../shared/half.ts";
import type { OrderComputer } from "../shared/order_computer.ts";
import type { CoordinatorMessage, Work } from "../shared/protocol.ts";
import type { AnswerSpans } from "../shared/spans.ts";
import type { MadeSpans, SpanRecorder } from "./span_recorder.ts";

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
  /** Takes the time of the answers, if anybody wants to know. */
  readonly trace?: Trace | undefined;
}

/** Who takes the time, and who is told of an answer that has been sent. */
export interface Trace {
  readonly recorder: SpanRecorder;
  tell(answer: Answer, spans: AnswerSpans): void;
}

/** A frame that answers an order. */
export type Answer = Extract<Frame, { kind: "partial" | "predictions" }>;

/**
 * Computes the leaves of one step or evaluation and sends the answers, each while the next is computed; breaks off when the
 * cluster has gone on to another, or the connection has ended.
 * @throws {HerdError} cluster, if an answer cannot be sent
 */
export async function compute(
  channel: Answers,
  computer: OrderComputer,
  task: Task,
): Promise<void> {
  const { work, trace } = task;
  const unwanted = new AbortController();
  const { signal } = unwanted;
  const check = () => {
    const overtaken = channel.waits((event) => "message" in event && isLater(event.message, work));
    // Not by a DOMException, which is what WebGPU fails with.
    if (overtaken || channel.isClosed) unwanted.abort(new Error("Nobody wants the answers any more"));
  };
  check();
  if (signal.aborted) return;
  using _ = channel.onChange(check);
  // One answer is on its way while the next is computed; more would only pile up.
  let upload = Promise.resolve();
  const deliver = async (frame: Answer, made: MadeSpans | undefined) => {
    const began = trace?.recorder.now ?? 0;
    await channel.sendFrame(frame);
    if (made !== undefined) trace?.tell(frame, { ...made, sent: [began, trace.recorder.now] });
  };
  const send = async (frame: Answer) => {
    const made = trace?.recorder.cut(frame.index * 2 ** levelOf(frame));
    await upload;
    upload = deliver(frame, made);
    upload.catch(() => {}); // thrown where it is awaited
  };
  trace?.recorder.begin();
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
  computer: OrderComputer,
  { work, weights, compress }: Task,
  signal: AbortSignal,
): AsyncGenerator<Answer> {
  const { step, attempt } = work;
  if (work.task === "evaluate") {
    let index = work.range.start;
    for await (const { losses, logits } of computer.evaluate(work, signal)) {
      yield { kind: "predictions", step, attempt, index: index++, weights, losses, logits };
    }
    return;
  }
  for await (const { node, gradient, losses, logits } of computer.gradients(work, signal)) {
    yield { kind: "partial", step, attempt, ...node, weights, gradient, losses, logits, compress };
  }
}

/** Of the node that is answered; predictions are of leaves. */
export function levelOf(answer: Answer): number {
  return answer.kind === "partial" ? answer.level : 0;
}

function isLater(message: CoordinatorMessage, { step }: Work): boolean {
  return message.type === "stop" || (message.type === "work" && message.step > step);
}
