// What somebody who knows the token can make the coordinator hold: bounded for all connections together.
import { assert, assertEquals } from "@std/assert";
import { ByteBudget } from "../../../shared/byte_budget.ts";
import { CHUNK_BYTES } from "../../../shared/dataset_manifest.ts";
import { within } from "../../../shared/within.ts";
import { hearWorkers } from "../../fixtures/hearing.ts";
import { granted } from "../../fixtures/permissions.ts";

const ignore = !await granted("net", "env"); // listens on the loopback; ws reads the environment
const { FakeWorker, startCluster, TOKEN } = ignore
  ? {} as typeof import("../../fixtures/fake_worker.ts")
  : await import("../../fixtures/fake_worker.ts");
const { quietHash, weightsOf } = ignore
  ? {} as typeof import("../../fixtures/fake_run.ts")
  : await import("../../fixtures/fake_run.ts");
const { joinCoordinator } = ignore
  ? {} as typeof import("../../../worker/join.ts")
  : await import("../../../worker/join.ts");

const envelope = { runId: "0011223344556677", step: 0 };
const hello = JSON.stringify({ ...envelope, type: "hello", name: "", host: "", pid: 1 });
const request = (index: number) => JSON.stringify({ ...envelope, type: "chunk-request", index });

type Sockets = Awaited<ReturnType<typeof joinCoordinator>>["socket"][];

async function attackers(address: string, count: number): Promise<Sockets> {
  const sockets: Sockets = [];
  for (let i = 0; i < count; i++) {
    const { socket } = await joinCoordinator({ url: `ws://${address}`, token: TOKEN });
    socket.on("error", () => {});
    const welcome = new Promise((resolve) => socket.once("message", resolve));
    socket.send(hello);
    await welcome;
    sockets.push(socket);
  }
  return sockets;
}

async function dismiss(sockets: Sockets): Promise<void> {
  await Promise.all(sockets.map((socket) => {
    const closed = new Promise((resolve) => socket.readyState === 3 ? resolve(null) : socket.once("close", resolve));
    socket.terminate();
    return closed;
  }));
}

Deno.test("queues: 60 connections that ask for chunks and do not read get 32 of them, and the others their turn", {
  ignore,
}, async () => {
  let read = 0;
  let reached = Promise.withResolvers<void>();
  const chunk = new Uint8Array(CHUNK_BYTES);
  await using cluster = await startCluster({}, {
    dataset: {
      manifest: () => Promise.reject(new Error("nobody asks")),
      readChunk() {
        read++;
        reached.resolve();
        return chunk;
      },
    },
  });
  const sockets = await attackers(cluster.address, 60);
  for (const socket of sockets) {
    socket.pause();
    for (let i = 0; i < 20; i++) socket.send(request(i));
  }
  while (read < 32) {
    await within(5_000, reached.promise, () => new Error(`only ${read} chunks were read`));
    reached = Promise.withResolvers();
  }
  await new Promise((resolve) => setTimeout(resolve, 200));
  assertEquals(read, 32);
  // Whoever goes makes room, for one that has been waiting too; those that are gone are not read for.
  await dismiss(sockets.splice(0, 1));
  await within(5_000, reached.promise, () => new Error("nobody's turn has come"));
  await new Promise((resolve) => setTimeout(resolve, 200));
  assertEquals(read, 33);
  await dismiss(sockets);
  cluster.stop();
});

Deno.test("queues: beginnings of frames are dropped that do not go on, when they are too many; the run goes on", {
  ignore,
}, async () => {
  const reasons: string[] = [];
  const QUEUE_BYTES = 100_000;
  await using cluster = await startCluster({}, {
    queueBytes: QUEUE_BYTES,
    emit: hearWorkers((what, { id }, reason) => what === "lost" && reasons.push(`${id} ${reason}`)),
  });
  const honest = await FakeWorker.join(cluster);
  await cluster.waitForMembers(1, 5_000);
  const sockets = await attackers(cluster.address, 30);
  const closed = sockets.map((socket) => new Promise<void>((resolve) => socket.once("close", () => resolve())));
  for (const socket of sockets) {
    const begun = new Uint8Array(9_000);
    new DataView(begun.buffer).setUint32(0, 0x82fe2710); // final, binary, masked, 10,000 bytes
    (socket as unknown as { readonly _socket: { write(bytes: Uint8Array): void } })._socket.write(begun);
  }
  // 11 of them fit.
  await within(5_000, Promise.all(closed.slice(0, 15)), () => new Error("they stay"));
  assertEquals(await weightsOf(cluster), await quietHash());
  const dropped = reasons.filter((reason) => reason.includes("memory for all connections was full"));
  assert(dropped.length >= 15 && dropped.length <= 25, `${dropped.length}`);
  assert(!reasons.some((reason) => reason.startsWith("r1 ")), "the honest one moves what it sends");
  await dismiss(sockets);
  cluster.stop();
  await honest.closed;
});

Deno.test("queues: a cluster's budget is empty again when its connections are gone", { ignore }, async () => {
  const { Channel } = await import("../../../shared/channel.ts");
  const { EventEmitter } = await import("node:events");
  const budget = new ByteBudget(1_000_000);
  class Socket extends EventEmitter {
    readonly sent: (() => void)[] = [];
    send = (_data: unknown, done: () => void) => void this.sent.push(done);
    close = () => {};
    terminate = () => this.emit("close");
    pause = () => {};
    resume = () => {};
  }
  const connection = new EventEmitter();
  const [socket, meter] = [new Socket(), Object.assign(connection, { bytesRead: 0, bytesWritten: 0 })];
  const channel = new Channel(socket as never, (text) => text, { meter, budget });
  connection.emit("data", new Uint8Array(500));
  assertEquals(budget.total, 500);
  socket.emit("message", new TextEncoder().encode("x".repeat(400)).buffer, false);
  assertEquals(budget.total, 400, "it waits to be read");
  await channel[Symbol.asyncIterator]().next();
  assertEquals(budget.total, 0);
  connection.emit("data", new Uint8Array(26));
  socket.emit("ping", new Uint8Array(20));
  assertEquals(budget.total, 0, "pings are no beginnings of messages");
  channel.send({ runId: "" });
  const sending = channel.sendBytes(new Uint8Array(300));
  const shared = channel.sendBytes(new Uint8Array(5_000), { isShared: true });
  assertEquals(budget.total, 300 + '{"runId":""}'.length);
  for (const done of socket.sent.splice(0)) done();
  await Promise.all([sending, shared]);
  assertEquals(budget.total, 0);
  connection.emit("data", new Uint8Array(500));
  const last = channel.sendBytes(new Uint8Array(300)).catch(() => {});
  channel.drop();
  assertEquals([budget.total, channel.isClosed], [0, true]);
  for (const done of socket.sent.splice(0)) done();
  await last;
  assertEquals(budget.total, 0);
});
