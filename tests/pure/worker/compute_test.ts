import { assert, assertEquals, assertRejects } from "@std/assert";
import type { Frame } from "../../../shared/frames.ts";
import type { Incoming } from "../../../shared/channel.ts";
import type { OrderComputer } from "../../../shared/order_computer.ts";
import type { CoordinatorMessage, Work } from "../../../shared/protocol.ts";
import type { NodeId } from "../../../shared/tree.ts";
import { type Answers, compute } from "../../../worker/compute.ts";
import type { GradientEngine, Leaf } from "../../../worker/engine.ts";
import { engineComputer } from "../../../worker/prepare_here.ts";
import type { SampleReader } from "../../../worker/samples.ts";

/** Leaves 1 to 6 of 8: subtrees of 1, 2, 2 and 1 leaves. */
const WORK: Work = {
  runId: "",
  step: 5,
  type: "work",
  task: "train",
  attempt: 3,
  seed: 0,
  epoch: 1,
  weights: 5,
  leafCount: 8,
  range: { start: 1, end: 7 },
  samples: Array.from({ length: 6 }, (_, i) => [10 + i]),
};

const source: SampleReader = {
  sample: (_split, id) => ({ id, label: 0, pixels: new Uint8Array() }),
  sha256: "",
  [Symbol.dispose]() {},
};

/** A computer that writes down when it computes what, and uses its one array again. */
function fakeComputer(log: string[]): OrderComputer {
  const gradient = new Float32Array(1);
  const engine: GradientEngine = {
    name: "tfjs-cpu",
    adapter: "",
    kernels: "",
    setWeights() {},
    async *gradients(_leafCount: number, _leaves: readonly Leaf[], nodes: readonly NodeId[]) {
      for (const [i, node] of nodes.entries()) {
        await new Promise((resolve) => setTimeout(resolve, 1));
        gradient[0] = i;
        log.push(`computed ${i}`);
        yield { node, gradient, losses: new Float32Array(1), logits: new Float32Array(1) };
      }
    },
    async *evaluate(leaves: readonly Leaf[]) {
      for (const { index } of leaves) yield { losses: Float32Array.of(index), logits: Float32Array.of(index) };
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
  return engineComputer(engine, source, { fingerprint: "", leafMilliseconds: 0 });
}

/** A channel whose uploads end when they are told to. */
class SlowAnswers implements Answers {
  readonly sent: Frame[] = [];
  readonly uploads: PromiseWithResolvers<void>[] = [];
  readonly log: string[];
  readonly listeners = new Set<() => void>();
  isClosed = false;
  waiting: CoordinatorMessage[] = [];

  constructor(log: string[]) {
    this.log = log;
  }

  sendFrame(frame: Frame): Promise<void> {
    this.log.push(`sent ${frame.kind === "partial" ? frame.gradient[0] : "predictions"}`);
    this.sent.push(frame);
    const upload = Promise.withResolvers<void>();
    this.uploads.push(upload);
    return upload.promise;
  }

  onChange(listener: () => void): Disposable {
    this.listeners.add(listener);
    return { [Symbol.dispose]: () => void this.listeners.delete(listener) };
  }

  /** Something comes in. */
  receive(...messages: CoordinatorMessage[]): void {
    this.waiting = messages;
    for (const listener of this.listeners) listener();
  }

  waits(condition: (incoming: Incoming<CoordinatorMessage>) => boolean): boolean {
    return this.waiting.some((message) => condition({ message }));
  }
}

/** Lets all timers that are due and all that follows from them happen: by turns of the event loop, which a busy machine does not skip. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setTimeout(resolve, 1));
}

Deno.test("compute() computes the next subtree while an answer is on its way, and no further", async () => {
  const log: string[] = [];
  const channel = new SlowAnswers(log);
  const done = compute(channel, fakeComputer(log), { work: WORK, weights: 7, compress: "none" });
  await settle();
  assertEquals(log, ["computed 0", "sent 0", "computed 1"]);
  for (const i of [0, 1]) {
    channel.uploads[i]!.resolve();
    await settle();
    assertEquals(log.slice(-2), [`sent ${i + 1}`, `computed ${i + 2}`]);
  }
  channel.uploads[2]!.resolve();
  await settle();
  let ended = false;
  done.then(() => ended = true);
  await settle();
  assertEquals([log.at(-1), ended], ["sent 3", false], "it waits for its last answer");
  channel.uploads[3]!.resolve();
  await done;
  assertEquals(channel.sent.map((frame) => "weights" in frame && frame.weights), channel.sent.map(() => 7));
});

Deno.test("compute() breaks off when the cluster has gone on, and says so when an answer cannot be sent", async () => {
  const log: string[] = [];
  const channel = new SlowAnswers(log);
  channel.waiting = [{ ...WORK, step: 6 }];
  await compute(channel, fakeComputer(log), { work: WORK, weights: 7, compress: "none" });
  assertEquals(log, []);
  channel.waiting = [];
  const done = compute(channel, fakeComputer(log), { work: WORK, weights: 7, compress: "none" });
  await settle();
  channel.receive({ ...WORK, step: 6 });
  channel.uploads[0]!.resolve();
  await settle();
  assertEquals(log, ["computed 0", "sent 0", "computed 1", "sent 1"]);
  channel.uploads[1]!.reject(new Error("gone"));
  await assertRejects(() => done, Error, "gone");
});

Deno.test("compute() answers an evaluation leaf by leaf", async () => {
  const channel = new SlowAnswers([]);
  const work: Work = { ...WORK, task: "evaluate" };
  const done = compute(channel, fakeComputer([]), { work, weights: 7, compress: "none" });
  for (let i = 0; i < 6; i++) {
    await settle();
    channel.uploads[i]!.resolve();
  }
  await done;
  assertEquals(channel.sent.map((frame) => frame.kind === "predictions" && frame.index), [1, 2, 3, 4, 5, 6]);
  assert(channel.sent.every((frame) => frame.kind === "predictions" && frame.losses[0] === frame.index));
});
