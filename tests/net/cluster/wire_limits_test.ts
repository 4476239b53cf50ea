// What comes from the wire is checked before anything is made of it: sizes, names, texts, order of messages. Both sides.
import { assert, assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { type ComputeConfig, configHash } from "../../../shared/config.ts";
import { HerdError } from "../../../shared/errors.ts";
import type { OrderComputer } from "../../../shared/order_computer.ts";
import { decodeFrame, encodeFrame, type Frame } from "../../../shared/frames.ts";
import {
  type CoordinatorMessage,
  MOST_CHARACTERS,
  parseCoordinatorMessage,
  parseWorkerMessage,
  type WorkerMessage,
} from "../../../shared/protocol.ts";
import { granted } from "../../fixtures/permissions.ts";
import { hearWorkers } from "../../fixtures/hearing.ts";

const ignore = !await granted("net", "env", "sys"); // listens on the loopback; ws reads the environment
const { announceMessage, CONFIG, FakeWorker, startCluster, TOKEN } = ignore
  ? {} as typeof import("../../fixtures/fake_worker.ts")
  : await import("../../fixtures/fake_worker.ts");
const { listen } = ignore
  ? {} as typeof import("../../../coordinator/door/mod.ts")
  : await import("../../../coordinator/door/mod.ts");
const { Channel } = ignore
  ? {} as typeof import("../../../shared/channel.ts")
  : await import("../../../shared/channel.ts");
const { runSession } = ignore
  ? {} as typeof import("../../../worker/session.ts")
  : await import("../../../worker/session.ts");

const { joinCoordinator } = ignore
  ? {} as typeof import("../../../worker/join.ts")
  : await import("../../../worker/join.ts");

const RUN = "0011223344556677";
const envelope = { runId: RUN, step: 0 };
const hello = { ...envelope, type: "hello", name: "", host: "", pid: 1 } as const;

Deno.test("decodeFrame() refuses lengths beyond the bytes that are there, whatever they add up to", () => {
  const frame: Frame = { kind: "weights", step: 1, weights: Float32Array.of(1, 2) };
  for (const [field, value] of [[10, 2 ** 29], [10, 2 ** 32 - 1], [8, 2 ** 32 - 1], [8, 2 ** 30]] as const) {
    const bytes = encodeFrame(RUN, frame);
    new DataView(bytes.buffer).setUint32(4 * field, value, true);
    assertThrows(() => decodeFrame(RUN, bytes.buffer), HerdError, "announced");
  }
});

Deno.test("messages longer than any that Herd sends are refused", () => {
  const long = (most: number) => JSON.stringify({ ...hello, host: "x".repeat(most) });
  assertThrows(() => parseWorkerMessage(long(MOST_CHARACTERS.fromWorker)), HerdError, "characters");
  assertThrows(() => parseCoordinatorMessage(long(MOST_CHARACTERS.fromCoordinator)), HerdError, "characters");
  for (const field of ["host", "adapter", "message"] as const) {
    const text = { [field]: "x".repeat(MOST_CHARACTERS.fromWorker / 2) };
    const message = {
      host: hello,
      adapter: { ...envelope, type: "ready", configHash: "", engine: "tfjs-cpu", fingerprint: "", leafMilliseconds: 1 },
      message: { ...envelope, type: "failed" },
    }[field];
    assertThrows(() => parseWorkerMessage(JSON.stringify({ ...message, ...text })), HerdError, `"${field}"`);
  }
});

Deno.test("a worker's name is a word, never a path or a terminal's command", () => {
  assertEquals((parseWorkerMessage(JSON.stringify({ ...hello, name: "w1" })) as typeof hello).name, "w1");
  for (const name of ["../../etc/passwd", "/tmp/x", "a b", "w1\n", "\x1b[2J", "w".repeat(200), "ｗ1"]) {
    assertThrows(() => parseWorkerMessage(JSON.stringify({ ...hello, name })), HerdError, '"name"');
  }
});

Deno.test("texts from the wire cannot steer a terminal", () => {
  const evil = "\x1b]0;title\x07 fine\r\nerror: forged \x9b2J\u202egnp\u2028end";
  const { message } = parseWorkerMessage(
    JSON.stringify({ ...envelope, type: "failed", message: evil, again: false }),
  ) as {
    readonly message: string;
  };
  assertEquals(
    message,
    "\\u001b]0;title\\u0007 fine\\u000d\\u000aerror: forged \\u009b2J\\u202egnp\\u2028end",
  );
  const error = assertThrows(() => parseWorkerMessage(JSON.stringify({ ...hello, type: "\x1b[2J" })), HerdError);
  assert(!error.message.includes("\x1b"));
});

/** Says hello to a cluster, and then what it likes. @returns why the cluster lost it */
async function misbehave(messages: readonly (WorkerMessage | Frame)[]): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  await using cluster = await startCluster({}, {
    emit: hearWorkers((what, _worker, reason) => what === "lost" && resolve(reason)),
  });
  const { socket } = await joinCoordinator({ url: `ws://${cluster.address}`, token: TOKEN });
  const channel = new Channel<CoordinatorMessage, WorkerMessage>(socket, parseCoordinatorMessage);
  channel.runId = RUN;
  channel.send(hello);
  for await (const event of channel) if ("message" in event && event.message.type === "welcome") break;
  for (const message of messages) {
    if ("kind" in message) await channel.sendFrame(message);
    else channel.send(message);
  }
  const reason = await promise;
  await channel.closed;
  return reason;
}

const STEPS_OUT_OF_LINE: readonly [string, readonly (WorkerMessage | Frame)[], string][] = [
  ["says hello twice", [hello], "hello twice"],
  ["asks for data that is on its machine", [{ ...envelope, type: "manifest-request" }], "asked for the data set"],
  [
    "sends a frame before it is ready",
    [{
      kind: "predictions",
      step: 1,
      attempt: 1,
      index: 0,
      weights: 0,
      losses: new Float32Array(2),
      logits: new Float32Array(2),
    }],
    "before it was ready",
  ],
  [
    "speaks of another run",
    [{ ...envelope, runId: "00", type: "heartbeat", leaves: 1, milliseconds: 1 }],
    '"00"',
  ],
];
for (const [what, messages, reason] of STEPS_OUT_OF_LINE) {
  Deno.test(`Cluster drops a connection that ${what}`, { ignore }, async () => {
    assertStringIncludes(await misbehave(messages), reason);
  });
}

Deno.test("Cluster takes no message that is larger than an answer of this run", { ignore }, async () => {
  await using cluster = await startCluster();
  const worker = await FakeWorker.join(cluster);
  await cluster.waitForMembers(1, 5_000);
  assertEquals(await announceMessage(cluster, 2 ** 20), 1009); // an answer of the small network has 10 kB
  await cluster.setWeights(new Float32Array(10));
  cluster.stop();
  await worker.closed;
});

/** Lets a worker's session meet a coordinator that sends these; resolves with the session's error. */
async function meet(
  config: ComputeConfig,
  then: Partial<Extract<CoordinatorMessage, { type: "work" }>> | Float32Array | undefined,
): Promise<HerdError> {
  const serve = async (socket: ConstructorParameters<typeof Channel>[0]) => {
    const channel = new Channel<WorkerMessage, CoordinatorMessage>(socket, parseWorkerMessage);
    for await (const event of channel) {
      if (!("message" in event)) continue;
      if (event.message.type === "hello") {
        const about = { workerId: "r1", config: config as never, configHash: await configHash(config) };
        channel.send({ ...envelope, type: "welcome", probeKey: RUN, backend: "tfjs-cpu", fallsBack: false, ...about });
      }
      if (event.message.type === "ready" && then instanceof Float32Array) {
        channel.runId = RUN;
        await channel.sendFrame({ kind: "weights", step: 1, weights: then });
      } else if (event.message.type === "ready" && then !== undefined) {
        const range = { start: 0, end: 1 };
        const of = { task: "train", attempt: 1, seed: 0, epoch: 1, weights: 0 } as const;
        const order = { ...of, leafCount: 1, range, samples: [[0]] };
        channel.send({ ...envelope, step: 1, type: "work", ...order, ...then } as CoordinatorMessage);
      }
      if (event.message.type === "failed") channel.close();
    }
  };
  const listener = await listen({
    hostname: "127.0.0.1",
    port: 0,
    token: TOKEN,
    runId: RUN,
    maxPayload: 100_000,
    tls: undefined,
    onVisit: ({ socket }) => void serve(socket),
  });
  try {
    return await assertRejects(() =>
      runSession({
        url: `ws://${listener.address}`,
        token: TOKEN,
        name: "",
        hostName: "",
        prepare: () => Promise.resolve(idleComputer()),
        log: () => {},
      }), HerdError);
  } finally {
    await listener.close();
  }
}

function unused(): never {
  throw new Error("nothing is to be read or computed");
}

function idleComputer(): OrderComputer {
  return {
    engine: "tfjs-cpu",
    adapter: "none",
    fingerprint: "f",
    leafMilliseconds: 1,
    setWeights: () => {},
    gradients: unused,
    evaluate: unused,
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

Deno.test("a worker refuses a network that no machine can train", { ignore }, async () => {
  const model = CONFIG.model;
  const cases: [Partial<ComputeConfig>, string][] = [
    [{ model: { ...model, imageSize: 100_000 } }, "imageSize"],
    [{ microBatch: 1_000_000 }, "microBatch"],
    [{ microBatch: 0 }, "cannot be trained"],
    [{ model: { ...model, imageSize: 4 } }, "cannot be trained"],
    [{ model: { ...model, layers: [{ kind: "conv", filters: 1e9 }] } }, "filters"],
    [{ model: { ...model, imageSize: 4000, layers: [{ kind: "conv", filters: 60_000 }] } }, "cannot be trained"],
    [
      {
        model: { ...model, layers: [1, 2].map(() => ({ kind: "dense", units: 60_000, activation: "relu" } as const)) },
      },
      "cannot be trained",
    ],
  ];
  for (const [changes, sentence] of cases) {
    assertStringIncludes((await meet({ ...CONFIG, ...changes }, undefined)).message, sentence);
  }
});

Deno.test("a worker refuses an order that does not fit its step or its engine", { ignore }, async () => {
  const cases = [
    { range: { start: 0, end: 5 } },
    { range: { start: 1, end: 1 }, samples: [] },
    { range: { start: 3, end: 4 }, leafCount: 2 },
    { samples: [[]] },
    { samples: [[0, 1, 2]] }, // the micro-batch is 2
    { leafCount: 5 }, // a batch of 8 has 4 leaves
    { leafCount: 5_000_000 },
  ];
  for (const work of cases) {
    assertStringIncludes((await meet(CONFIG, work)).message, "makes no sense");
  }
  const samples = Array.from({ length: 262_145 }, () => [0]);
  const range = { start: 0, end: samples.length };
  const long = {
    ...envelope,
    type: "work",
    task: "evaluate",
    attempt: 1,
    seed: 0,
    epoch: 1,
    weights: 0,
    leafCount: range.end,
    range,
  };
  assertThrows(() => parseCoordinatorMessage(JSON.stringify({ ...long, samples })), HerdError, '"samples"');
});

Deno.test("a worker refuses weights of another network", { ignore }, async () => {
  assertStringIncludes((await meet(CONFIG, new Float32Array(7))).message, "7 weights");
});
