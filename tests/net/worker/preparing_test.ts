// What a worker does before it is ready is heard where people look, if it takes a while. Two seconds.
import { assertEquals } from "@std/assert";
import type { ClusterEvent } from "../../../coordinator/events/mod.ts";
import type { OrderComputer } from "../../../shared/order_computer.ts";
import { granted } from "../../fixtures/permissions.ts";

const ignore = !await granted("net", "env", "sys"); // listens on the loopback; ws reads the environment
const { FakeWorker, startCluster, TOKEN } = ignore
  ? {} as typeof import("../../fixtures/fake_worker.ts")
  : await import("../../fixtures/fake_worker.ts");
const { runSession } = ignore
  ? {} as typeof import("../../../worker/session.ts")
  : await import("../../../worker/session.ts");
const { joinCoordinator } = ignore
  ? {} as typeof import("../../../worker/join.ts")
  : await import("../../../worker/join.ts");

const idle: OrderComputer = {
  engine: "webgpu",
  adapter: "none",
  fingerprint: "0".repeat(64),
  leafMilliseconds: 1,
  setWeights() {},
  async *gradients() {},
  async *evaluate() {},
  async [Symbol.asyncDispose]() {},
};

type WorkerEvent = Extract<ClusterEvent, { readonly type: "worker" }>;

Deno.test("a worker that compiles for long says so; its log says it at once", { ignore }, async () => {
  const told: WorkerEvent[] = [];
  const heard = Promise.withResolvers<void>();
  await using cluster = await startCluster({}, {
    emit(event) {
      if (event.type !== "worker") return;
      told.push(event);
      if (event.what === "preparing") heard.resolve();
    },
  });
  const log: string[] = [];
  const session = runSession({
    url: `ws://${cluster.address}`,
    token: TOKEN,
    name: "",
    hostName: "elsewhere",
    async prepare({ onProgress }) {
      onProgress("compiling 57 kernels for a GPU");
      assertEquals(log.length, 1);
      await heard.promise;
      onProgress("compiled in 12.3 s");
      return idle;
    },
    log: (text) => log.push(text),
  });
  await cluster.waitForMembers(1, 20_000);
  assertEquals(told.map(({ what, reason }) => [what, reason]), [
    ["joined", undefined],
    ["preparing", "compiling 57 kernels for a GPU"],
    ["preparing", "compiled in 12.3 s"],
    ["ready", undefined],
  ]);
  assertEquals(log.slice(0, 2), ["r1: compiling 57 kernels for a GPU", "r1: compiled in 12.3 s"]);
  cluster.stop();
  await session;
});

Deno.test("a worker that tells without end fills no terminal, and one that is ready prepares nothing", {
  ignore,
}, async () => {
  let told = 0;
  const lost = Promise.withResolvers<string>();
  await using cluster = await startCluster({}, {
    emit(event) {
      if (event.type !== "worker") return;
      if (event.what === "preparing") told++;
      if (event.what === "lost") lost.resolve(event.reason!);
    },
  });
  const { Channel } = await import("../../../shared/channel.ts");
  const { socket, transcript: { runId } } = await joinCoordinator({ url: `ws://${cluster.address}`, token: TOKEN });
  const talker = new Channel<unknown, { runId: string } & Record<string, unknown>>(socket, () => ({}));
  talker.send({ runId, step: 0, type: "hello", name: "", host: "", pid: 1 });
  for (let i = 0; i < 100; i++) talker.send({ runId, step: 0, type: "preparing", text: `${i}` });
  talker.send({ runId, step: 0, type: "failed", message: "that was all", again: false });
  assertEquals(await lost.promise, "that was all");
  assertEquals(told, 20);
  await talker.closed;

  const worker = await FakeWorker.join(cluster);
  await cluster.waitForMembers(1, 5_000);
  worker.channel.send({ runId, step: 0, type: "preparing", text: "something" });
  await worker.closed;
  assertEquals(cluster.members, []);
  assertEquals(told, 20);
});
