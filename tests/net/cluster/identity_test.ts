// Nobody takes part under somebody else's name: be it to cut him off, to have him blamed, or to come back after being excluded.
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { HerdError } from "../../../shared/errors.ts";
import { configHash } from "../../../shared/config.ts";
import { within } from "../../../shared/within.ts";
import { Fault } from "../../fixtures/faults.ts";
import { hearTexts, hearWorkers } from "../../fixtures/hearing.ts";
import { granted } from "../../fixtures/permissions.ts";

const ignore = !await granted("net", "env"); // listens on the loopback; ws reads the environment
const { CONFIG, FakeWorker, startCluster, TOKEN } = ignore
  ? {} as typeof import("../../fixtures/fake_worker.ts")
  : await import("../../fixtures/fake_worker.ts");
const { quietHash, weightsOf } = ignore
  ? {} as typeof import("../../fixtures/fake_run.ts")
  : await import("../../fixtures/fake_run.ts");
const { joinCoordinator } = ignore
  ? {} as typeof import("../../../worker/join.ts")
  : await import("../../../worker/join.ts");

type Cluster = Awaited<ReturnType<typeof startCluster>>;
type Worker = Awaited<ReturnType<typeof FakeWorker.join>>;

async function stop(cluster: Cluster, ...workers: readonly Worker[]): Promise<void> {
  cluster.stop();
  await Promise.all(workers.map(({ closed }) => closed));
}

/** Why a worker was not let in. */
async function refusal(worker: Worker): Promise<string> {
  await within(5_000, worker.closed, () => new Error("it is let in"));
  for (const message of worker.received) if (message.type === "refused") return message.reason;
  return `not refused: ${worker.received.map(({ type }) => type)}`;
}

Deno.test("identity: a worker that comes again with its secret replaces its old connection", { ignore }, async () => {
  const told: string[] = [];
  await using cluster = await startCluster({}, {
    emit: hearWorkers((what, { id }, reason) => told.push(`${what} ${id} ${reason}`)),
  });
  const first = await FakeWorker.join(cluster);
  await cluster.waitForMembers(1, 5_000);
  const second = await FakeWorker.join(cluster, { name: "r1", secret: first.secret });
  await first.closed;
  await cluster.waitForMembers(1, 5_000);
  assertEquals(cluster.members.map(({ id }) => id), ["r1"]);
  assert(told.includes("lost r1 it has connected anew"), told.join());
  assertEquals(cluster.history.length, 1);
  await stop(cluster, second);
});

Deno.test(
  "identity: a name alone is nobody's: the impostor gets another, and the real one stays",
  { ignore },
  async () => {
    await using cluster = await startCluster();
    const first = await FakeWorker.join(cluster, { pid: 7 });
    await cluster.waitForMembers(1, 5_000);
    const impostors = [
      await FakeWorker.join(cluster, { name: "r1", pid: 7 }),
      await FakeWorker.join(cluster, { name: "r1", pid: 7, secret: "0".repeat(64) }),
    ];
    await cluster.waitForMembers(3, 5_000);
    assertEquals(cluster.members.map(({ id }) => id), ["r1", "r2", "r3"]);
    assertEquals(first.channel.isClosed, false);
    await stop(cluster, first, ...impostors);
  },
);

Deno.test("identity: an impostor's bad answers are its own", { ignore }, async () => {
  await using cluster = await startCluster();
  const workers = [await FakeWorker.join(cluster)];
  await cluster.waitForMembers(1, 5_000);
  workers.push(await FakeWorker.join(cluster, { name: "r1", fault: Fault.CorruptFrame, always: true }));
  await cluster.waitForMembers(2, 5_000);
  assertEquals(await weightsOf(cluster), await quietHash());
  assertEquals(cluster.faults.workersExcluded, 1);
  assertEquals(cluster.members.map(({ id }) => id), ["r1"]);
  await stop(cluster, ...workers);
});

Deno.test(
  "identity: a launcher's name is for the process that it started last, which is told apart",
  { ignore },
  async () => {
    await using cluster = await startCluster();
    const old = cluster.expect("w1", { isOwn: true });
    const own = await FakeWorker.joinOwn(cluster, "w1");
    const far = await FakeWorker.join(cluster, { name: "w2", secret: cluster.expect("w2", { isOwn: false }) });
    await cluster.waitForMembers(2, 5_000);
    assertEquals(cluster.members.map(({ id, host }) => [id, host]), [["w1", ""], ["w2", "localhost"]]);
    for (const message of own.received) if (message.type === "welcome") assertEquals("secret" in message, false);
    for (const claim of [{}, { secret: old }, { secret: "f".repeat(64) }]) {
      for (const name of ["w1", "w7", "localhost"]) {
        const impostor = await FakeWorker.join(cluster, { name, ...claim });
        assertStringIncludes(await refusal(impostor), `the name "${name}"`);
      }
    }
    assertEquals([own.channel.isClosed, far.channel.isClosed], [false, false]);
    await stop(cluster, own, far);
  },
);

Deno.test("identity: a proof that was heard on one connection is of no use on another", { ignore }, async () => {
  await using cluster = await startCluster();
  const worker = await FakeWorker.joinOwn(cluster, "w1");
  await cluster.waitForMembers(1, 5_000);
  const heard = worker.hello!;
  assert("proof" in heard);
  const { socket } = await joinCoordinator({ url: `ws://${cluster.address}`, token: TOKEN });
  const answer = new Promise<string>((resolve) => socket.once("message", (data) => resolve(`${data}`)));
  socket.send(JSON.stringify(heard));
  assertStringIncludes(await answer, '"refused"');
  socket.terminate();
  assertEquals(worker.channel.isClosed, false);
  await stop(cluster, worker);
});

Deno.test("identity: nobody takes part before it has said hello", { ignore }, async () => {
  const told: string[] = [];
  await using cluster = await startCluster({}, { emit: hearWorkers((what, { id }) => told.push(`${what} ${id}`)) });
  const honest = await FakeWorker.join(cluster);
  await cluster.waitForMembers(1, 5_000);
  const envelope = { runId: "0011223344556677", step: 0 };
  const ready = {
    ...envelope,
    type: "ready",
    configHash: await configHash(CONFIG),
    engine: "tfjs-cpu",
    adapter: "",
    fingerprint: "f",
    leafMilliseconds: 1,
  };
  const attacks = [JSON.stringify(ready), new Uint8Array(56), "{}", JSON.stringify({ ...envelope, type: "hello" })];
  for (const attack of attacks) {
    const { socket } = await joinCoordinator({ url: `ws://${cluster.address}`, token: TOKEN });
    const closed = new Promise((resolve) => socket.once("close", resolve));
    socket.send(attack);
    await within(5_000, closed, () => new Error(`a connection that begins with ${attack} stays`));
    assertEquals(cluster.members.length, 1);
  }
  assertEquals(await weightsOf(cluster), await quietHash());
  assertEquals(told, ["joined r1", "ready r1"]);
  await stop(cluster, honest);
});

Deno.test(
  "identity: an excluded worker does not come back under a new name, and whoever is known does",
  { ignore },
  async () => {
    const notices: string[] = [];
    await using cluster = await startCluster({}, { emit: hearTexts((text) => notices.push(text)) });
    const own = await FakeWorker.joinOwn(cluster, "w1");
    const honest = await FakeWorker.join(cluster);
    const liar = await FakeWorker.join(cluster, { fault: Fault.CorruptFrame, always: true });
    await cluster.waitForMembers(3, 5_000);
    await cluster.setWeights(new Float32Array(10));
    assertEquals(await weightsOf(cluster), await quietHash());
    assertStringIncludes(await refusal(liar), "excluded");
    // By its name, by its secret, by neither: from the same address.
    assertStringIncludes(
      await refusal(await FakeWorker.join(cluster, { name: "r2", secret: liar.secret })),
      "it is excluded",
    );
    for (const again of [{}, { name: "r2" }, { name: "r9", pid: 99 }]) {
      assertStringIncludes(
        await refusal(await FakeWorker.join(cluster, again)),
        "a worker from its address was excluded",
      );
    }
    // The honest ones of that address come and go as before.
    const back = await FakeWorker.join(cluster, { name: "r1", secret: honest.secret });
    await honest.closed;
    const more = await FakeWorker.joinOwn(cluster, "w2");
    await cluster.waitForMembers(3, 5_000);
    assertEquals(cluster.members.map(({ id }) => id), ["r1", "w1", "w2"]);
    await stop(cluster, own, back, more);
  },
);

Deno.test("identity: a launched worker is given up after three processes that were excluded", { ignore }, async () => {
  await using cluster = await startCluster({}, { workerTimeout: 300 });
  const own = await FakeWorker.joinOwn(cluster, "w1");
  await cluster.waitForMembers(1, 5_000);
  for (let i = 0; i < 3; i++) {
    const liar = await FakeWorker.joinOwn(cluster, "w2", { fault: Fault.CorruptFrame, always: true });
    await cluster.waitForMembers(2, 5_000);
    assertEquals(await weightsOf(cluster), await quietHash());
    assertStringIncludes(await refusal(liar), "excluded");
  }
  assertStringIncludes(await refusal(await FakeWorker.joinOwn(cluster, "w2")), "excluded");
  await stop(cluster, own);
});

Deno.test("identity: somebody who does not know the token learns nothing and is nobody", { ignore }, async () => {
  await using cluster = await startCluster();
  const url = `ws://${cluster.address}`;
  const wrong = () => joinCoordinator({ url, token: "f".repeat(32) });
  const error = await assertRejects(wrong, HerdError, "the token is wrong (--token-file)");
  assertEquals(error.code, "cluster");
});
