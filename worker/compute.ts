// One order of the coordinator: computes its leaves and sends the answers.
import type { Frame } from "../shared/frames.ts";
import type { Incoming } from "../shared/channel.ts";
import type { Compression } from "../shared/half.ts";
import type { CoordinatorMessage } from "../shared/protocol.ts";
import { subtreesIn } from "../shared/tree.ts";
import type { GradientEngine, Leaf } from "./engine.ts";
import type { SampleSource } from "./samples.ts";

export type Work = Extract<CoordinatorMessage, { type: "work" }>;

/** The part of a channel that computing needs. */
export interface Answers {
  /** Takes what it sends before it returns; resolves when that has left. */
  sendFrame(frame: Frame): Promise<void>;
  waits(condition: (incoming: Incoming<CoordinatorMessage>) => boolean): boolean;
}

/** An order and what its answers need besides. */
export interface Task {
  readonly work: Work;
  /** Checksum of the weights that the engine has. */
  readonly weights: number;
  /** How gradients travel. */
  readonly compress: Compression;
}

/**
 * Computes the leaves of one step or evaluation and sends the answers, each while the next is computed; breaks off when the
 * cluster has gone on to another.
 * @throws {HerdError} cluster, if an answer cannot be sent
 */
export async function compute(
  channel: Answers,
  engine: GradientEngine,
  source: SampleSource,
  task: Task,
): Promise<void> {
  const { work } = task;
  const overtaken = () => channel.waits((event) => "message" in event && isLater(event.message, work));
  if (overtaken()) return;
  // One answer is on its way while the next is computed; more would only pile up.
  let upload = Promise.resolve();
  const send = async (frame: Frame) => {
    await upload;
    upload = channel.sendFrame(frame);
    upload.catch(() => {}); // thrown where it is awaited
  };
  for await (const frame of answers(engine, source, task)) {
    await send(frame);
    if (overtaken()) break;
  }
  await upload;
}

async function* answers(
  engine: GradientEngine,
  source: SampleSource,
  { work, weights, compress }: Task,
): AsyncGenerator<Frame> {
  const { step, seed, epoch, range, leafCount } = work;
  const split = work.task === "train" ? "train" : "test";
  const leaves = work.samples.map((ids, i): Leaf => ({
    index: range.start + i,
    seed,
    epoch,
    samples: ids.map((id) => source.sample(split, id)),
  }));
  if (work.task === "evaluate") {
    for (const leaf of leaves) {
      const { losses, logits } = await engine.evaluate(leaf);
      yield { kind: "predictions", step, index: leaf.index, weights, losses, logits };
    }
    return;
  }
  for await (const sum of engine.gradients(leafCount, leaves, subtreesIn(leafCount, range))) {
    const { node, gradient, losses, logits } = sum;
    yield { kind: "partial", step, ...node, weights, gradient, losses, logits, compress };
  }
}

function isLater(message: CoordinatorMessage, { step }: Work): boolean {
  return message.type === "stop" || (message.type === "work" && message.step > step);
}
