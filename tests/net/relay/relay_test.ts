// Relays in front of workers without a device: the weights are those of a quiet run without relays, bit for bit, and faults
// behind a relay are mended there, so that the run's coordinator does not hear of them.
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { type FaultCounts, NO_FAULTS } from "../../../coordinator/events/mod.ts";
import { HerdError } from "../../../shared/errors.ts";
import { parameterCount } from "../../../shared/model.ts";
import type { Misbehaviour } from "../../fixtures/fake_worker.ts";
import { Fault } from "../../fixtures/faults.ts";
import { granted } from "../../fixtures/permissions.ts";
import { hearWorkers } from "../../fixtures/hearing.ts";

const ignore = !await granted("net", "env", "sys"); // listens on the loopback; ws reads the environment
const { CONFIG, FakeWorker, SHORT_LIMITS, startCluster } = ignore
  ? {} as typeof import("../../fixtures/fake_worker.ts")
  : await import("../../fixtures/fake_worker.ts");
const { joinRelay } = ignore
  ? {} as typeof import("../../fixtures/fake_relay.ts")
  : await import("../../fixtures/fake_relay.ts");
const { quietHash, weightsOf } = ignore
  ? {} as typeof import("../../fixtures/fake_run.ts")
  : await import("../../fixtures/fake_run.ts");

const sleep = (milliseconds: number) => new Promise<void>((resolve) => setTimeout(resolve, milliseconds));

/** All take about as long: measured speeds would leave somebody without work. */
const STEADY: Misbehaviour = { before: () => sleep(5) };

const CASES: readonly {
  readonly what: string;
  /** Of the first of three workers behind the relay. */
  readonly first?: Misbehaviour;
  readonly behind?: { readonly [K in keyof FaultCounts]?: readonly [number, number] };
}[] = [
  { what: "nothing" },
  {
    what: "a death",
    first: { fault: Fault.KillMidCompute },
    behind: { workersLost: [1, 1], leavesReissued: [0, 2] },
  },
  {
    what: "a NaN",
    first: { fault: Fault.NaN },
    behind: { unreproducedAnswers: [1, 1], leavesReissued: [1, 2], duplicateAnswers: [0, 2], staleAnswers: [0, 2] },
  },
  {
    what: "a corrupt frame",
    first: { fault: Fault.CorruptFrame },
    behind: { badAnswers: [1, 1], leavesReissued: [1, 2], duplicateAnswers: [0, 2], staleAnswers: [0, 2] },
  },
];
for (const { what, first = {}, behind = {} } of CASES) {
  Deno.test(`relay: ${what} behind it: same weights, and the coordinator notices nothing`, { ignore }, async () => {
    await using cluster = await startCluster();
    await using relay = await joinRelay(cluster, [{ ...STEADY, ...first }, STEADY, STEADY]);
    const worker = await FakeWorker.join(cluster, STEADY);
    await cluster.waitForMembers(2, 5_000);
    assertEquals(await weightsOf(cluster), await quietHash());
    assertEquals(cluster.faults, NO_FAULTS);
    for (const [name, count] of Object.entries(relay.behind.faults)) {
      const [least, most] = behind[name as keyof FaultCounts] ?? [0, 0];
      assert(least <= count && count <= most, `${name} is ${count}`);
    }
    const shown = cluster.members.map(({ adapter, fingerprint }) => [adapter, fingerprint]);
    assertEquals(shown.toSorted(), [["fake", "f"], ["relay of 3: fake", "f"]]);
    cluster.stop();
    await relay.session;
    await worker.closed;
  });
}

Deno.test("relay: one that has had no work for some steps computes with the newest weights", { ignore }, async () => {
  await using cluster = await startCluster();
  await using relay = await joinRelay(cluster, [STEADY]);
  await cluster.waitForMembers(1, 5_000);
  const size = parameterCount(CONFIG.model);
  for (const value of [1, 2, 3]) await cluster.setWeights(new Float32Array(size).fill(value));
  const { gradient } = await cluster.gradients({ seed: 0, epoch: 1, ids: [0] });
  assertEquals(gradient[0], -3); // see fake_worker.ts
  assertEquals([cluster.faults, relay.behind.faults], [NO_FAULTS, NO_FAULTS]);
  cluster.stop();
  await relay.session;
});

Deno.test(
  "relay: weights and each subtree cross its connection once, however many are behind it",
  { ignore },
  async () => {
    const traffic = async (join: (cluster: Awaited<ReturnType<typeof startCluster>>) => Promise<AsyncDisposable>) => {
      await using cluster = await startCluster();
      await using _ = await join(cluster);
      await cluster.waitForMembers(1, 5_000);
      await weightsOf(cluster);
      cluster.stop();
      return cluster.traffic;
    };
    const alone = await traffic(async (cluster) => {
      const { closed } = await FakeWorker.join(cluster);
      return { [Symbol.asyncDispose]: () => closed };
    });
    const four = await traffic((cluster) => joinRelay(cluster, [STEADY, STEADY, STEADY, STEADY]));
    assert(Math.abs(four.down - alone.down) < 1_000, `${four.down} ${alone.down}`); // names and the like
    assert(four.up - alone.up < 20_000, `${four.up} ${alone.up}`); // heartbeats
  },
);

Deno.test(
  "relay: one that falls silent is dropped, its leaves are computed elsewhere, and it comes back",
  { ignore },
  async () => {
    const stall: Misbehaviour = { before: (n) => sleep(n === 2 ? 900 : 5) };
    const lost: string[] = [];
    await using cluster = await startCluster({}, {
      limits: SHORT_LIMITS,
      emit: hearWorkers((what, { host }) => what === "lost" && lost.push(host)),
    });
    await using relay = await joinRelay(cluster, [stall]);
    const worker = await FakeWorker.join(cluster, {
      // In the third step it waits until the relay is back, and shows signs of life meanwhile.
      async before(_n, step) {
        while (step > 2 && (lost.length === 0 || cluster.members.length < 2)) {
          const { runId } = worker.channel;
          const sign = { type: "heartbeat", leaves: 0, milliseconds: 0 } as const;
          worker.channel.send({ runId, step, ...sign });
          await sleep(20);
        }
      },
    });
    await cluster.waitForMembers(2, 5_000);
    assertEquals(await weightsOf(cluster), await quietHash());
    assert(lost.length >= 1 && lost.every((host) => host === "elsewhere"), lost.join());
    assert(relay.log.some((text) => text.includes("connecting again")), relay.log.join("\n"));
    assertEquals(relay.behind.faults.workersLost, 0, "its workers went on");
    cluster.stop();
    await relay.session;
    await worker.closed;
  },
);

Deno.test("relay: the end of the run ends it at once, in the middle of a step too", { ignore }, async () => {
  const begun = Promise.withResolvers<void>();
  const over = Promise.withResolvers<void>();
  const slow: Misbehaviour = {
    before() {
      begun.resolve();
      return over.promise;
    },
  };
  await using cluster = await startCluster();
  await using relay = await joinRelay(cluster, [slow, slow]);
  await cluster.waitForMembers(1, 5_000);
  const training = assertRejects(() => weightsOf(cluster), HerdError, "enough");
  await begun.promise;
  cluster.fail(new HerdError("cluster", "enough"));
  cluster.stop();
  await training;
  await relay.session;
  over.resolve();
});

Deno.test(
  "relay: when none of its workers comes back, it ends and says so, and the run goes on",
  { ignore },
  async () => {
    const lost: string[] = [];
    await using cluster = await startCluster({}, {
      emit: hearWorkers((what, _worker, reason) => what === "lost" && lost.push(reason)),
    });
    const options = { workerTimeout: 50 };
    await using relay = await joinRelay(cluster, [{ fault: Fault.KillBeforeStep, at: 2 }], { options });
    const worker = await FakeWorker.join(cluster);
    await cluster.waitForMembers(2, 5_000);
    assertEquals(await weightsOf(cluster), await quietHash());
    await assertRejects(() => relay.session, HerdError, "No worker came within 0 s");
    assertStringIncludes(lost.join(), "No worker came within 0 s");
    cluster.stop();
    await worker.closed;
  },
);

Deno.test("relay: different workers have a fingerprint of their own, whatever their order", { ignore }, async () => {
  const seen: string[][] = [];
  for (const fingerprints of [["a", "b"], ["b", "a"], ["a", "a"]]) {
    await using cluster = await startCluster();
    await using relay = await joinRelay(cluster, fingerprints.map((fingerprint) => ({ fingerprint })));
    await cluster.waitForMembers(1, 5_000);
    seen.push(cluster.fingerprints);
    cluster.stop();
    await relay.session;
  }
  assertEquals(seen[0], seen[1]);
  assertEquals(seen[2], ["a"]);
  assert(seen[0]![0]!.length === 64);
});

Deno.test(
  "relay: a later worker with another fingerprint ends it, and none of its answers is taken",
  { ignore },
  async () => {
    const lost: string[] = [];
    await using cluster = await startCluster({}, {
      emit: hearWorkers((what, _worker, reason) => what === "lost" && lost.push(reason)),
    });
    await using relay = await joinRelay(cluster, [STEADY]);
    const worker = await FakeWorker.join(cluster, STEADY);
    await cluster.waitForMembers(2, 5_000);
    const hash = await weightsOf(cluster, async (step) => {
      if (step === 2) relay.workers.push(await FakeWorker.join(relay.behind, { fingerprint: "g" }));
    });
    assertEquals(hash, await quietHash());
    await assertRejects(() => relay.session, HerdError, "another fingerprint");
    assertStringIncludes(lost.join(), "another fingerprint");
    assertEquals(cluster.fingerprints, ["f"]);
    cluster.stop();
    await worker.closed;
  },
);

Deno.test("relay: keeps books of no more leaves than it is asked for", { ignore }, async () => {
  const { RelayComputer } = await import("../../../coordinator/relay/relay.ts");
  await using behind = await startCluster();
  const worker = await FakeWorker.join(behind);
  await behind.waitForMembers(1, 5_000);
  const relay = await RelayComputer.over(behind);
  const samples = [[3, 4], [5]];
  // Test sets may be of any size; of a step's leaves there are as many as the config says, which the session sees to.
  const order = { seed: 0, epoch: 1, leafCount: 5_000_000, range: { start: 4_999_998, end: 5_000_000 }, samples };
  const predicted = await Array.fromAsync(relay.evaluate(order, new AbortController().signal));
  assertEquals(predicted.map(({ losses }) => [...losses]), samples);
  const [work] = worker.received.filter((message) => message.type === "work");
  assertEquals([work!.leafCount, work!.range], [2, { start: 0, end: 2 }]);
  behind.stop();
  await worker.closed;
});
