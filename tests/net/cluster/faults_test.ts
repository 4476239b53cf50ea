// Every fault, against real sockets and workers without a device: the weights must be those of a quiet run, bit for bit, and
// what it cost is bounded by counters. Nothing here measures time; waits are bounded by injected deadlines.
import { assert, assertEquals, assertRejects } from "@std/assert";
import type { ClusterOptions } from "../../../coordinator/cluster/mod.ts";
import {
  addChecks,
  type ClusterEvent,
  type FaultCounts,
  NO_CHECKS,
  NO_FAULTS,
} from "../../../coordinator/events/mod.ts";
import { HerdError } from "../../../shared/errors.ts";
import type { FakeWorker as Fake, Misbehaviour } from "../../fixtures/fake_worker.ts";
import { Fault } from "../../fixtures/faults.ts";
import { granted } from "../../fixtures/permissions.ts";
import { hearTexts, hearWorkers } from "../../fixtures/hearing.ts";

const ignore = !await granted("net", "env"); // listens on the loopback; ws reads the environment
const { FakeWorker, SHORT_LIMITS, startCluster } = ignore
  ? {} as typeof import("../../fixtures/fake_worker.ts")
  : await import("../../fixtures/fake_worker.ts");
const { quietHash, weightsOf } = ignore
  ? {} as typeof import("../../fixtures/fake_run.ts")
  : await import("../../fixtures/fake_run.ts");

const sleep = (milliseconds: number) => new Promise<void>((resolve) => setTimeout(resolve, milliseconds));

interface Case {
  /** Of the first of three workers, which always gets leaves; the others are sound. */
  readonly fault: Fault;
  /** Bounds on the counts; what is not named must be zero. */
  readonly expected: { readonly [K in keyof FaultCounts]?: readonly [number, number] };
}

// Steps have 4, 4 and 2 leaves: the first worker has two of the first four.
const lost = { workersLost: [1, 1], leavesReissued: [0, 2] } as const;
const again = { leavesReissued: [1, 4], duplicateAnswers: [0, 2], staleAnswers: [0, 2] } as const;
const late = { leavesDuplicated: [1, 12], duplicateAnswers: [0, 4], staleAnswers: [0, 6] } as const;
const CASES: readonly Case[] = [
  { fault: Fault.KillBeforeStep, expected: { ...lost, leavesReissued: [1, 2] } },
  { fault: Fault.KillMidCompute, expected: lost },
  { fault: Fault.KillMidSend, expected: lost },
  { fault: Fault.CorruptFrame, expected: { ...again, badAnswers: [1, 1] } },
  { fault: Fault.WrongWeights, expected: { ...again, badAnswers: [1, 1] } },
  { fault: Fault.NaN, expected: { ...again, unreproducedAnswers: [1, 1] } },
  { fault: Fault.Duplicate, expected: { duplicateAnswers: [0, 1], staleAnswers: [0, 1] } },
  { fault: Fault.Stale, expected: { staleAnswers: [1, 1] } },
  { fault: Fault.Slow, expected: late },
  { fault: Fault.Stall, expected: { ...late, workersLost: [0, 1] } },
  { fault: Fault.HalfOpen, expected: { ...late, workersLost: [0, 1] } },
];

for (const { fault, expected } of CASES) {
  Deno.test(`faults: ${fault}: the weights are those of a quiet run`, { ignore }, async () => {
    const slow = [Fault.Slow, Fault.Stall, Fault.HalfOpen].includes(fault);
    const { hash, faults } = await withTwoOthers({ fault }, slow ? { limits: SHORT_LIMITS } : {});
    assertEquals(hash, await quietHash());
    assertCounts(faults, expected);
  });
}

Deno.test("faults: a worker that sends nothing but corrupt frames is excluded", { ignore }, async () => {
  const { hash, faults } = await withTwoOthers({ fault: Fault.CorruptFrame, always: true });
  assertEquals(hash, await quietHash());
  assertEquals([faults.badAnswers, faults.workersExcluded], [3, 1]);
  assert(faults.leavesReissued <= 6, `${faults.leavesReissued}`);
});

/** Trains with this worker and two sound ones. */
async function withTwoOthers(
  misbehaviour: Misbehaviour,
  options: Partial<ClusterOptions> = {},
): Promise<{ hash: string; faults: FaultCounts }> {
  await using cluster = await startCluster({}, options);
  // All take about as long: measured speeds would leave somebody without work.
  const before = () => new Promise<void>((resolve) => setTimeout(resolve, 5));
  const workers = [await FakeWorker.join(cluster, { before, ...misbehaviour })];
  for (let i = 0; i < 2; i++) workers.push(await FakeWorker.join(cluster, { before }));
  await cluster.waitForMembers(3, 5_000);
  const hash = await weightsOf(cluster);
  cluster.stop();
  workers[0]!.channel.terminate(); // a stalled one does not hear
  await Promise.all(workers.map(({ closed }) => closed));
  return { hash, faults: cluster.faults };
}

function assertCounts(faults: FaultCounts, expected: Case["expected"]): void {
  for (const [name, count] of Object.entries(faults)) {
    const [least, most] = expected[name as keyof FaultCounts] ?? [0, 0];
    assert(
      least <= count && count <= most,
      `${name} is ${count}, not from ${least} to ${most}: ${JSON.stringify(faults)}`,
    );
  }
}

/** Trains with so many sound workers and some others, where every answer is computed again. */
async function verified(others: readonly Misbehaviour[], sound: number, options: Partial<ClusterOptions> = {}) {
  const events: ClusterEvent[] = [];
  await using cluster = await startCluster({}, { verify: 1, emit: (event) => events.push(event), ...options });
  const before = () => sleep(5);
  const workers: Fake[] = [];
  for (const one of others) workers.push(await FakeWorker.join(cluster, { before, ...one }));
  for (let i = 0; i < sound; i++) workers.push(await FakeWorker.join(cluster, { before }));
  await cluster.waitForMembers(workers.length, 5_000);
  const hash = await weightsOf(cluster);
  cluster.stop();
  await Promise.all(workers.map(({ closed }) => closed));
  const { faults, bitIdentical } = cluster;
  return {
    hash,
    faults,
    bitIdentical,
    taints: events.filter(({ type }) => type === "taint"),
    excluded: events.flatMap((event) => event.type === "worker" && event.what === "excluded" ? [event.worker.id] : []),
    checks: events.reduce((sum, event) => event.type === "check" ? addChecks(sum, event) : sum, NO_CHECKS),
  };
}

Deno.test("faults: verification finds nothing wrong with sound workers, and changes no bit", { ignore }, async () => {
  const { hash, faults, bitIdentical, checks } = await verified([], 3);
  assertEquals([hash, faults, bitIdentical], [await quietHash(), NO_FAULTS, true]);
  // In each of two epochs three steps of at least one node, and a test of 5 leaves.
  assert(checks.compared >= 2 * (3 + 5), JSON.stringify(checks));
  assertEquals([checks.impossible, checks.differing], [0, 0]);
});

Deno.test(
  "faults: wrong bits from the first step on are found, outvoted, and not in the weights",
  { ignore },
  async () => {
    const { hash, taints, excluded, checks, bitIdentical, faults } = await verified(
      [{ fault: Fault.WrongBits, always: true }],
      4,
    );
    assertEquals([hash, taints, excluded, bitIdentical], [await quietHash(), [], ["r1"], true]);
    assertEquals([faults.workersExcluded, faults.unreproducedAnswers], [1, 1]);
    assert(checks.differing >= 1);
  },
);

Deno.test(
  "faults: two colluders of five are excluded; what they said before taints the result, and is named",
  { ignore },
  async () => {
    const lie = { fault: Fault.WrongBits, since: 3 };
    const { taints, excluded } = await verified([lie, lie], 3);
    assertEquals(excluded.toSorted(), ["r1", "r2"]);
    // Whoever had no part in the weights before it was found out taints nothing.
    assert(taints.length >= 1);
    for (const taint of taints) {
      assert(taint.type === "taint" && excluded.includes(taint.worker));
      assertEquals([taint.since.key.arm, taint.since.epoch], ["gc", 1]);
    }
  },
);

Deno.test(
  "faults: with two workers nobody can tell who lies: nobody is punished, and that is said",
  { ignore },
  async () => {
    const { excluded, taints, bitIdentical, faults } = await verified([{ fault: Fault.WrongBits, always: true }], 1);
    assertEquals([excluded, taints, bitIdentical], [[], [], false]);
    assert(faults.undecidedDisputes >= 1);
    assertEquals(faults.workersExcluded, 0);
  },
);

Deno.test(
  "faults: of an own worker and one that lies the liar is excluded; of four with an own one, two colluders are",
  { ignore },
  async () => {
    for (const liars of [1, 2]) {
      const excluded: string[] = [];
      await using cluster = await startCluster({}, {
        verify: 1,
        emit: hearWorkers((what, { id }) => what === "excluded" && excluded.push(id)),
      });
      const before = () => sleep(5);
      const workers = [await FakeWorker.joinOwn(cluster, "w1", { before })];
      const lie = { before, fault: Fault.WrongBits, always: true };
      for (let i = 0; i < liars; i++) workers.push(await FakeWorker.join(cluster, lie));
      if (liars === 2) workers.push(await FakeWorker.join(cluster, { before }));
      await cluster.waitForMembers(workers.length, 5_000);
      assertEquals(await weightsOf(cluster), await quietHash());
      assertEquals(excluded.toSorted(), ["r1", "r2"].slice(0, liars));
      assert(cluster.bitIdentical);
      cluster.stop();
      await Promise.all(workers.map(({ closed }) => closed));
    }
  },
);

Deno.test("faults: a sum over more than was asked for is no sum, whoever sends it", { ignore }, async () => {
  const { hash, faults } = await withTwoOthers({ fault: Fault.Unasked });
  assertEquals(hash, await quietHash());
  assertEquals([faults.badAnswers, faults.workersExcluded], [1, 0]);
  const { faults: again, hash: same } = await withTwoOthers({ fault: Fault.Unasked, always: true });
  assertEquals(same, await quietHash());
  assertEquals([again.badAnswers, again.workersExcluded], [3, 1]);
});

Deno.test(
  "faults: wrong bits that come too late are told, as nobody knows any more who is right",
  { ignore },
  async () => {
    const notices: string[] = [];
    const sent = Promise.withResolvers<void>();
    const before = (_n: number, step: number) => step > 1 ? sent.promise : undefined;
    await using cluster = await startCluster({}, {
      limits: SHORT_LIMITS,
      emit: hearTexts((text) => notices.push(text)),
    });
    const late = { fault: Fault.WrongBitsLate, after: () => sent.resolve() };
    const workers = [await FakeWorker.join(cluster, late), await FakeWorker.join(cluster, { before })];
    await cluster.waitForMembers(2, 5_000);
    assertEquals(await weightsOf(cluster), await quietHash());
    assertEquals([cluster.bitIdentical, cluster.faults.unreproducedAnswers], [false, 1]);
    assert(notices.some((text) => text.includes("got different bits")), notices.join("\n"));
    cluster.stop();
    await Promise.all(workers.map(({ closed }) => closed));
  },
);

Deno.test("faults: a gradient that is not finite for anybody is divergence", { ignore }, async () => {
  for (const count of [1, 2]) {
    await using cluster = await startCluster();
    const nan = { fault: Fault.NaN, always: true, at: 2 };
    const workers = await Promise.all(Array.from({ length: count }, () => FakeWorker.join(cluster, nan)));
    await cluster.waitForMembers(count, 5_000);
    const error = await assertRejects(() => weightsOf(cluster), HerdError, "The gradient is not finite");
    assertEquals(error.code, "divergence");
    cluster.stop();
    await Promise.all(workers.map(({ closed }) => closed));
  }
});

Deno.test("faults: a worker that joins in the middle of an epoch changes nothing", { ignore }, async () => {
  await using cluster = await startCluster();
  const workers = [await FakeWorker.join(cluster)];
  await cluster.waitForMembers(1, 5_000);
  const hash = await weightsOf(cluster, async (step) => {
    if (step === 2) workers.push(await FakeWorker.join(cluster));
  });
  assertEquals(hash, await quietHash());
  assertEquals(cluster.faults, NO_FAULTS);
  cluster.stop();
  await Promise.all(workers.map(({ closed }) => closed));
});

Deno.test("faults: all workers gone, the run pauses, and goes on with new ones", { ignore }, async () => {
  const notices: string[] = [];
  const workers: Fake[] = [];
  await using cluster = await startCluster({}, {
    emit: hearTexts(async (text) => {
      notices.push(text);
      if (text.startsWith("No worker is left")) workers.push(await FakeWorker.join(cluster));
    }),
  });
  for (let i = 0; i < 2; i++) workers.push(await FakeWorker.join(cluster, { fault: Fault.KillBeforeStep, at: 3 }));
  await cluster.waitForMembers(2, 5_000);
  assertEquals(await weightsOf(cluster), await quietHash());
  const { workersLost, pauses, leavesReissued } = cluster.faults;
  assertEquals([workersLost, pauses], [2, 1]);
  assert(leavesReissued <= 6, `${leavesReissued}`);
  assertEquals(notices.at(-1), "The run goes on");
  cluster.stop();
  await Promise.all(workers.map(({ closed }) => closed));
});

Deno.test("faults: no worker comes back: the run ends after the worker timeout", { ignore }, async () => {
  const notices: string[] = [];
  await using cluster = await startCluster({}, { workerTimeout: 50, emit: hearTexts((text) => notices.push(text)) });
  const worker = await FakeWorker.join(cluster, { fault: Fault.KillBeforeStep, at: 2 });
  await cluster.waitForMembers(1, 5_000);
  const error = await assertRejects(() => weightsOf(cluster), HerdError, "--worker-timeout");
  assertEquals(error.code, "cluster");
  assertEquals(notices, ["No worker is left: the run waits up to 0 s for one"]);
  await worker.closed;
});

Deno.test(
  "faults: the only worker hangs in the run's first leaf: it is waited for as long as it says that a leaf takes",
  { ignore },
  async () => {
    const lost: string[] = [];
    // Nothing is known but what it says itself: without that, this would wait for ten minutes.
    await using cluster = await startCluster({}, {
      limits: { leaf: { first: 600_000, floor: 50 }, pace: { floor: 600_000, ceiling: 600_000 } },
      workerTimeout: 50,
      emit: hearWorkers((what, _worker, reason) => what === "lost" && lost.push(reason)),
    });
    const worker = await FakeWorker.join(cluster, { fault: Fault.Stall, leafMilliseconds: 5 });
    await cluster.waitForMembers(1, 5_000);
    await assertRejects(() => weightsOf(cluster), HerdError, "No worker came within");
    assert(lost.length === 1 && lost[0]!.startsWith("it has shown no sign of life for 0.1 s"), lost.join());
    await worker.closed;
  },
);

Deno.test("faults: a worker that sends NaN again and again is never its own second opinion", { ignore }, async () => {
  // The other one takes so long to check that the suspect, who is idle by then, is asked as well.
  const before = (_n: number, step: number) => step > 1 ? undefined : sleep(400);
  await using cluster = await startCluster({}, { limits: SHORT_LIMITS });
  const nan = { fault: Fault.NaN, always: true };
  const workers = [await FakeWorker.join(cluster, nan), await FakeWorker.joinOwn(cluster, "w1", { before })];
  await cluster.waitForMembers(2, 5_000);
  assertEquals(await weightsOf(cluster), await quietHash());
  assert(cluster.faults.unreproducedAnswers >= 1);
  cluster.stop();
  await Promise.all(workers.map(({ closed }) => closed));
});

Deno.test("faults: a worker that sends NaN and dies is not asked again", { ignore }, async () => {
  await using cluster = await startCluster();
  const dead = await FakeWorker.join(cluster, { fault: Fault.NaNAndKill });
  const workers = [dead, await FakeWorker.join(cluster), await FakeWorker.join(cluster)];
  await cluster.waitForMembers(3, 5_000);
  assertEquals(await weightsOf(cluster), await quietHash());
  const { workersLost, unreproducedAnswers } = cluster.faults;
  assertEquals([workersLost, unreproducedAnswers], [1, 1]);
  cluster.stop();
  await Promise.all(workers.map(({ closed }) => closed));
});
