// A bug of the coordinator's own ends the run with that very error, wherever it happens; it is never booked as a worker's loss.
import { assert, assertEquals } from "@std/assert";
import type { ClusterOptions } from "../../../coordinator/cluster/mod.ts";
import type { ClusterEvent } from "../../../coordinator/events/mod.ts";
import type { Misbehaviour } from "../../fixtures/fake_worker.ts";
import { Fault } from "../../fixtures/faults.ts";
import { granted } from "../../fixtures/permissions.ts";

const ignore = !await granted("net", "env"); // listens on the loopback; ws reads the environment
const { FakeWorker, SHORT_LIMITS, startCluster } = ignore
  ? {} as typeof import("../../fixtures/fake_worker.ts")
  : await import("../../fixtures/fake_worker.ts");
const { weightsOf } = ignore
  ? {} as typeof import("../../fixtures/fake_run.ts")
  : await import("../../fixtures/fake_run.ts");

const BUG = new TypeError("undefined is not a function");

function buggy(condition: (event: ClusterEvent) => boolean): (event: ClusterEvent) => void {
  return (event) => {
    if (condition(event)) throw BUG;
  };
}

const CASES: readonly {
  readonly where: string;
  readonly options: Partial<ClusterOptions>;
  /** Of the first of two workers. */
  readonly first?: Misbehaviour;
}[] = [
  {
    where: "in reading a chunk of the data set",
    options: {
      dataset: {
        manifest: () => Promise.resolve({ byteLength: 1, chunkBytes: 1, hashes: ["00"] }),
        readChunk() {
          throw BUG;
        },
      },
    },
    first: { fetches: 0 },
  },
  {
    where: "in counting an answer",
    options: {
      onLeaf() {
        throw BUG;
      },
    },
  },
  {
    where: "in judging an answer",
    options: { emit: buggy((event) => event.type === "fault" && event.fault === "badAnswers") },
    first: { fault: Fault.CorruptFrame },
  },
  {
    where: "in what a timer does",
    options: {
      limits: SHORT_LIMITS,
      emit: buggy((event) => event.type === "fault" && event.fault === "leavesDuplicated"),
    },
    first: { fault: Fault.Stall, at: 2 },
  },
  {
    where: "in letting a worker go",
    options: { emit: buggy((event) => event.type === "worker" && event.what === "lost") },
    first: { fault: Fault.KillBeforeStep },
  },
];

for (const { where, options, first = {} } of CASES) {
  Deno.test(`an error of the coordinator ${where} ends the run as it is`, { ignore }, async () => {
    await using cluster = await startCluster({}, options);
    const workers = [await FakeWorker.join(cluster, first), await FakeWorker.join(cluster)];
    const caught = await (async () => {
      await cluster.waitForMembers(2, 5_000);
      await weightsOf(cluster);
    })().catch((error) => error);
    assert(caught === BUG, `${caught}`);
    assertEquals(await cluster.waitForMembers(1, 5_000).catch((error) => error), BUG);
    cluster.stop();
    for (const { channel } of workers) channel.terminate();
    await Promise.all(workers.map(({ closed }) => closed));
  });
}
