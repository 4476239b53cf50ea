import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { HerdError } from "../../../shared/errors.ts";
import { builtInModel, parameterCount } from "../../../shared/model.ts";
import type { Misbehaviour } from "../../fixtures/fake_worker.ts";
import { granted } from "../../fixtures/permissions.ts";
import { hearTexts } from "../../fixtures/hearing.ts";

const ignore = !await granted("net", "env"); // listens on the loopback; ws reads the environment
// ws reads the environment as soon as it is loaded, so it is loaded only where that is allowed.
const { FakeWorker, startCluster } = ignore
  ? {} as typeof import("../../fixtures/fake_worker.ts")
  : await import("../../fixtures/fake_worker.ts");
const PARAMETERS = parameterCount(builtInModel("tiny", 22));
const SAMPLES = { seed: 0, epoch: 1, ids: [1, 2, 3, 4, 5, 6, 7] };

Deno.test("Cluster sums over its workers in sample order, one of them without a leaf", { ignore }, async () => {
  await using cluster = await startCluster();
  const workers = await Promise.all(Array.from({ length: 5 }, () => FakeWorker.join(cluster)));
  await cluster.waitForMembers(5, 5_000);
  await cluster.setWeights(new Float32Array(PARAMETERS));
  const sum = await cluster.gradients(SAMPLES);
  assertEquals([...sum.losses], SAMPLES.ids);
  const busy = workers.filter(({ received }) => received.some(({ type }) => type === "work"));
  assertEquals(busy.length, 4);
  cluster.stop();
  await Promise.all(workers.map(({ closed }) => closed));
});

Deno.test(
  "Cluster gives a worker that joins during a step the newest weights before its first work",
  { ignore },
  async () => {
    await using cluster = await startCluster();
    const first = await FakeWorker.join(cluster);
    await cluster.waitForMembers(1, 5_000);
    await cluster.setWeights(new Float32Array(PARAMETERS));
    const joining = FakeWorker.join(cluster);
    for (let step = 0; step < 20; step++) {
      await cluster.gradients(SAMPLES);
      await cluster.setWeights(new Float32Array(PARAMETERS).fill(step));
    }
    const late = await joining;
    await cluster.waitForMembers(2, 5_000);
    await cluster.gradients(SAMPLES);
    assert(late.versions.length > 0, "the late worker has had work");
    for (const [wanted, there] of [...first.versions, ...late.versions]) assertEquals(there, wanted);
    cluster.stop();
    await Promise.all([first.closed, late.closed]);
  },
);

Deno.test(
  "Cluster takes compressed gradients: half the bytes up, nearly the same sums, bit-identity off",
  { ignore },
  async () => {
    const sums: Float32Array[] = [];
    const traffic: number[] = [];
    for (const [compress, compressGradients] of [["none", false], ["fp16", true], ["bf16", true]] as const) {
      await using cluster = await startCluster({ compress, compressGradients });
      const workers = await Promise.all(Array.from({ length: 3 }, () => FakeWorker.join(cluster)));
      await cluster.waitForMembers(3, 5_000);
      await cluster.setWeights(new Float32Array(PARAMETERS).fill(0.5), compress);
      const before = cluster.traffic.up;
      sums.push((await cluster.gradients(SAMPLES)).gradient);
      traffic.push(cluster.traffic.up - before);
      assertEquals([cluster.bitIdentical, cluster.faults.badAnswers], [!compressGradients, 0]);
      cluster.stop();
      await Promise.all(workers.map(({ closed }) => closed));
    }
    const [exact, fp16, bf16] = sums;
    const largest = Math.max(...exact!.map(Math.abs));
    for (const [sum, bound] of [[fp16!, 2 ** -10], [bf16!, 2 ** -7]] as const) {
      const error = Math.max(...sum.map((value, i) => Math.abs(value - exact![i]!)));
      assert(error > 0 && error < bound * largest, `${error} of ${largest}`);
    }
    for (const up of traffic.slice(1)) assert(up / traffic[0]! < 0.56, `${up} of ${traffic[0]} bytes`);
  },
);

Deno.test("Cluster ends with the reason of a local worker that cannot make its engine", { ignore }, async () => {
  await using cluster = await startCluster();
  const worker = await FakeWorker.joinOwn(cluster, "w1", { broken: "The webgpu engine does not work here" });
  const waiting = cluster.waitForMembers(1, 5_000);
  await assertRejects(() => waiting, HerdError, "cannot work: The webgpu engine does not work here");
  await worker.closed;
});

const REFUSALS: readonly [string, Misbehaviour, string][] = [
  ["another config", { hash: "other" }, "another hash"],
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

Deno.test("Cluster excludes a worker after three answers of the wrong length, and says why", { ignore }, async () => {
  const notices: string[] = [];
  await using cluster = await startCluster({}, { workerTimeout: 100, emit: hearTexts((text) => notices.push(text)) });
  const worker = await FakeWorker.join(cluster, { gradientLength: 7 });
  await cluster.waitForMembers(1, 5_000);
  const error = await assertRejects(() => cluster.gradients(SAMPLES), HerdError, "No worker came within");
  assertEquals(error.code, "cluster");
  await worker.closed;
  assert(worker.received.some((message) => message.type === "refused" && message.reason.includes("excluded")));
  assertEquals([cluster.faults.badAnswers, cluster.faults.workersExcluded], [3, 1]);
  assertStringIncludes(notices.join(), "Worker  r1 (pid 1 on localhost) gave a bad answer: it sent 7 gradient values");
});
