import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
// @ts-types="@types/ws"
import { WebSocket } from "ws";
import { Cluster, type ClusterOptions } from "../../coordinator/cluster.ts";
import { Channel } from "../../shared/channel.ts";
import { configHash, type NumericConfig } from "../../shared/config.ts";
import { HerdError } from "../../shared/errors.ts";
import { builtInModel, parameterCount } from "../../shared/model.ts";
import {
  type CoordinatorMessage,
  parseCoordinatorMessage,
  PROTOCOL_VERSION,
  type WorkerMessage,
} from "../../shared/protocol.ts";
import { nodeRange, subtreesIn } from "../../shared/tree.ts";
import { granted } from "../fixtures/permissions.ts";

const ignore = !await granted("net", "env"); // listens on the loopback; ws reads the environment
const TOKEN = "0123456789abcdef";
const CONFIG: NumericConfig = {
  dataset: "d",
  limit: null,
  model: builtInModel("tiny", 22),
  batchSize: 8,
  microBatch: 2,
  learningRate: 1e-4,
  momentum: 0,
  rho: 0.9,
  epsilon: 1e-7,
  seed: 0,
};
const PARAMETERS = parameterCount(CONFIG.model);

async function startCluster(more: Partial<ClusterOptions> = {}): Promise<Cluster> {
  return await Cluster.start({
    runId: "0011223344556677",
    token: TOKEN,
    hostname: "127.0.0.1",
    port: 0,
    config: CONFIG,
    configHash: await configHash(CONFIG),
    backend: "cpu",
    dataset: { byteLength: 0, chunkBytes: 1, hashes: [] },
    readChunk: () => new Uint8Array(),
    ...more,
  });
}

/** A worker without a device: its gradients are the leaf numbers, unless a test makes it misbehave. */
class FakeWorker {
  readonly channel: Channel<CoordinatorMessage, WorkerMessage>;
  readonly received: CoordinatorMessage[] = [];
  readonly closed: Promise<void>;

  private constructor(socket: WebSocket, misbehave: Misbehaviour) {
    this.channel = new Channel(socket, parseCoordinatorMessage);
    this.closed = this.#serve(misbehave);
  }

  static async join(cluster: Cluster, misbehave: Misbehaviour = {}): Promise<FakeWorker> {
    const socket = new WebSocket(`ws://${cluster.address}`, { headers: { authorization: `Bearer ${TOKEN}` } });
    await new Promise((resolve, reject) => socket.once("open", resolve).once("error", reject));
    return new FakeWorker(socket, misbehave);
  }

  async #serve({ protocol = PROTOCOL_VERSION, hash, gradientLength = PARAMETERS, stale = false }: Misbehaviour) {
    const envelope = () => ({ protocol, runId: this.channel.runId, step: 0 });
    this.channel.send({ ...envelope(), type: "hello", herd: "0", name: "", host: "", pid: 1 });
    for await (const event of this.channel) {
      if ("frame" in event) continue;
      const { message } = event;
      this.received.push(message);
      if (message.type === "welcome") {
        this.channel.runId = message.runId;
        const claim = { engine: "cpu", adapter: "fake", fingerprint: "f" } as const;
        this.channel.send({ ...envelope(), type: "ready", configHash: hash ?? message.configHash, ...claim });
      }
      if (message.type !== "work") continue;
      const { step, range, leafCount, samples } = message;
      for (const node of subtreesIn(leafCount, range)) {
        const { start, end } = nodeRange(leafCount, node);
        const ids = samples.slice(start - range.start, end - range.start).flat();
        const gradient = new Float32Array(gradientLength).fill(ids.reduce((a, b) => a + b, 0));
        const frame = {
          kind: "partial",
          ...node,
          gradient,
          losses: Float32Array.from(ids),
          logits: Float32Array.from(ids),
        } as const;
        if (stale) await this.channel.sendFrame({ ...frame, step: step + 1 });
        await this.channel.sendFrame({ ...frame, step });
      }
    }
  }
}

/** What a fake worker does wrong. */
interface Misbehaviour {
  readonly protocol?: number;
  readonly hash?: string;
  readonly gradientLength?: number;
  readonly stale?: boolean;
}

const SAMPLES = { seed: 0, epoch: 1, ids: [1, 2, 3, 4, 5, 6, 7] };

Deno.test("Cluster sums over its workers in sample order, one of them without a leaf", { ignore }, async () => {
  await using cluster = await startCluster();
  const workers = await Promise.all(Array.from({ length: 5 }, () => FakeWorker.join(cluster)));
  await cluster.waitForMembers(5, 5_000);
  await cluster.setWeights(new Float32Array(PARAMETERS));
  const sum = await cluster.gradients(SAMPLES);
  assertEquals([...sum.losses], SAMPLES.ids);
  assertEquals(sum.gradient, new Float32Array(PARAMETERS).fill(28));
  const busy = workers.filter(({ received }) => received.some(({ type }) => type === "work"));
  assertEquals(busy.length, 4);
  cluster.stop();
  await Promise.all(workers.map(({ closed }) => closed));
});

Deno.test("Cluster answers a stale frame and goes on", { ignore }, async () => {
  await using cluster = await startCluster();
  const worker = await FakeWorker.join(cluster, { stale: true });
  await cluster.waitForMembers(1, 5_000);
  assertEquals([...(await cluster.gradients(SAMPLES)).losses], SAMPLES.ids);
  cluster.stop();
  await worker.closed;
  assert(worker.received.some(({ type }) => type === "stale"));
});

const REFUSALS: readonly [string, Misbehaviour, string][] = [
  ["another protocol version", { protocol: PROTOCOL_VERSION + 1 }, `protocol ${PROTOCOL_VERSION + 1}`],
  ["another numeric config", { hash: "other" }, "another hash"],
];
for (const [what, misbehaviour, reason] of REFUSALS) {
  Deno.test(`Cluster refuses a worker with ${what}, and says why`, { ignore }, async () => {
    await using cluster = await startCluster();
    const worker = await FakeWorker.join(cluster, misbehaviour);
    await worker.closed;
    const [refusal] = worker.received.filter((message) => message.type === "refused");
    assertStringIncludes(refusal!.reason, reason);
    const error = await assertRejects(() => cluster.waitForMembers(1, 1), HerdError, "Only 0 of 1 workers");
    assertEquals(error.code, "cluster");
  });
}

Deno.test("Cluster names a worker that sends a gradient of the wrong length", { ignore }, async () => {
  await using cluster = await startCluster();
  const worker = await FakeWorker.join(cluster, { gradientLength: 7 });
  await cluster.waitForMembers(1, 5_000);
  const error = await assertRejects(() => cluster.gradients(SAMPLES), HerdError, "it sent 7 gradient values");
  assertEquals(error.code, "cluster");
  await worker.closed;
});

Deno.test("Cluster names a worker whose connection breaks in the middle of a step", { ignore }, async () => {
  await using cluster = await startCluster();
  const worker = await FakeWorker.join(cluster);
  await cluster.waitForMembers(1, 5_000);
  worker.channel.terminate();
  await assertRejects(() => cluster.gradients(SAMPLES), HerdError, "Worker r1 (pid 1) is lost");
  await worker.closed;
});

Deno.test("Cluster lets nobody in without the token", { ignore }, async () => {
  await using cluster = await startCluster();
  for (const headers of [{}, { authorization: "Bearer wrong" }]) {
    const socket = new WebSocket(`ws://${cluster.address}`, { headers });
    const error = await new Promise<Error>((resolve) => socket.once("error", resolve));
    assertStringIncludes(error.message, "401");
  }
});
