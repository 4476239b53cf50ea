// A device that blocks its thread does not keep the worker from answering: counted in pings, not in time.
import { assertEquals } from "@std/assert";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { builtInModel } from "../../../shared/model.ts";
import { parseCoordinatorMessage, type Work, type WorkerMessage } from "../../../shared/protocol.ts";
import { compute } from "../../../worker/compute.ts";
import { ThreadComputer } from "../../../worker/thread/mod.ts";
import { temporaryDirectory } from "../../fixtures/data_files.ts";
import { granted } from "../../fixtures/permissions.ts";

const ignore = !await granted("net", "env", "read", "write"); // a socket, a thread, and a file that ends its blocking
const ENTRY = new URL("../../fixtures/thread_entry.ts", import.meta.url);
const PINGS = 25;

const WORK: Work = {
  runId: "",
  step: 1,
  type: "work",
  task: "train",
  attempt: 1,
  seed: 0,
  epoch: 1,
  weights: 1,
  leafCount: 4,
  range: { start: 0, end: 3 },
  samples: [[0], [1], [2]],
};

const CONFIG = {
  dataset: "d",
  model: builtInModel("tiny", 22),
  batchSize: 4,
  microBatch: 1,
  compress: "none",
  compressGradients: false,
} as const;

Deno.test(`a worker answers ${PINGS} pings in the middle of a leaf that blocks its device's thread`, {
  ignore,
}, async () => {
  const { WebSocket, WebSocketServer } = await import("ws");
  const { Channel } = await import("../../../shared/channel.ts");
  using folder = temporaryDirectory();
  const gate = join(folder.path, "go-on");
  let leaves = 0;
  await using computer = await ThreadComputer.open({
    engine: "simd",
    run: { config: CONFIG, probeKey: "", onLeaf: () => leaves++, onProgress() {} },
    path: Promise.resolve(JSON.stringify({ gate })),
    entry: ENTRY,
  });
  computer.setWeights(Float32Array.of(1, 1));
  const server = new WebSocketServer({ host: "127.0.0.1", port: 0 });
  await new Promise((resolve) => server.once("listening", resolve));
  const accepted = new Promise<InstanceType<typeof WebSocket>>((resolve) => server.once("connection", resolve));
  const channel = new Channel<never, WorkerMessage>(
    new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`),
    parseCoordinatorMessage as () => never,
  );
  channel.runId = "0011223344556677";
  const coordinator = await accepted;
  let frames = 0;
  coordinator.on("message", () => frames++);

  const done = compute(channel, computer, { work: WORK, weights: 0, compress: "none" });
  while (leaves === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  for (let ping = 0; ping < PINGS; ping++) {
    const answered = new Promise((resolve) => coordinator.once("pong", resolve));
    coordinator.ping();
    await answered;
  }
  assertEquals([leaves, frames], [1, 0], "the second leaf is still under way");
  Deno.writeTextFileSync(gate, "");
  await done;
  while (frames < 2) await new Promise((resolve) => setTimeout(resolve, 1));
  assertEquals(leaves, 3);
  channel.close();
  await channel.closed;
  await new Promise((resolve) => server.close(resolve));
});
