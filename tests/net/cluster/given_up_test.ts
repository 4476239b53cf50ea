// When the workers that the run started are given up: it goes on with those from outside, waits for them, or ends.
import { assert, assertEquals } from "@std/assert";
import { HerdError } from "../../../shared/errors.ts";
import { Fault } from "../../fixtures/faults.ts";
import { hearTexts } from "../../fixtures/hearing.ts";
import { granted } from "../../fixtures/permissions.ts";

const ignore = !await granted("net", "env"); // listens on the loopback; ws reads the environment
const { FakeWorker, startCluster } = ignore
  ? {} as typeof import("../../fixtures/fake_worker.ts")
  : await import("../../fixtures/fake_worker.ts");
const { quietHash, weightsOf } = ignore
  ? {} as typeof import("../../fixtures/fake_run.ts")
  : await import("../../fixtures/fake_run.ts");

const GIVEN_UP = new HerdError("cluster", "Worker  w1 is not started again");
const NOBODY_ELSE = { othersCanCome: false };

/** What becomes of a run whose workers all go, and with which notices; `onPause` happens when they have. */
async function runWithout(
  names: readonly string[],
  onPause: (cluster: Awaited<ReturnType<typeof startCluster>>) => Promise<void> | void,
): Promise<{ readonly outcome: unknown; readonly notices: readonly string[] }> {
  const notices: string[] = [];
  await using cluster = await startCluster({}, {
    workerTimeout: 300,
    emit: hearTexts((text) => {
      notices.push(text);
      if (text.startsWith("No worker is left")) void onPause(cluster);
    }),
  });
  const fault = { fault: Fault.KillBeforeStep, at: 3 };
  const workers = [];
  for (const name of names) {
    workers.push(await (name === "" ? FakeWorker.join(cluster, fault) : FakeWorker.joinOwn(cluster, name, fault)));
  }
  await cluster.waitForMembers(names.length, 5_000);
  const outcome = await weightsOf(cluster).catch((error) => error);
  cluster.stop();
  await Promise.all(workers.map(({ closed }) => closed));
  return { outcome, notices };
}

Deno.test("given up: a worker from outside that is on its way back is waited for", { ignore }, async () => {
  const back: Promise<unknown>[] = [];
  const { outcome, notices } = await runWithout(["w1", ""], async (cluster) => {
    cluster.localsGivenUp(GIVEN_UP, NOBODY_ELSE);
    back.push((await FakeWorker.join(cluster)).closed);
  });
  await Promise.all(back);
  assertEquals(outcome, await quietHash());
  assert(notices.includes(GIVEN_UP.message) && notices.at(-1) === "The run goes on", notices.join("\n"));
});

Deno.test("given up: where nobody from outside has come, the run ends at once", { ignore }, async () => {
  const { outcome, notices } = await runWithout(
    ["w1", "w2"],
    (cluster) => cluster.localsGivenUp(GIVEN_UP, NOBODY_ELSE),
  );
  assert(outcome === GIVEN_UP, `${outcome}`);
  assert(!notices.includes(GIVEN_UP.message), "an error is not said twice");
});

Deno.test("given up: where others know the token, the run waits as long as for any worker", { ignore }, async () => {
  const { outcome, notices } = await runWithout(
    ["w1"],
    (cluster) => cluster.localsGivenUp(GIVEN_UP, { othersCanCome: true }),
  );
  assert(outcome instanceof HerdError && outcome.message.startsWith("No worker came within"), `${outcome}`);
  assert(notices.includes(GIVEN_UP.message));
});

Deno.test("given up: the run ends when the last worker, still there then, is gone", { ignore }, async () => {
  await using cluster = await startCluster();
  const worker = await FakeWorker.joinOwn(cluster, "w1");
  await cluster.waitForMembers(1, 5_000);
  const outcome = await weightsOf(cluster, (step) => {
    if (step === 2) cluster.localsGivenUp(GIVEN_UP, NOBODY_ELSE);
    if (step === 3) worker.channel.terminate();
  }).catch((error) => error);
  assert(outcome === GIVEN_UP, `${outcome}`);
  await worker.closed;
});
