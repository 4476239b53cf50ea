import { assertEquals } from "@std/assert";
import type { ClusterEvent } from "../../../coordinator/events/mod.ts";
import type { Misbehaviour } from "../../fixtures/fake_worker.ts";
import { granted } from "../../fixtures/permissions.ts";

const ignore = !await granted("net", "env"); // listens on the loopback; ws reads the environment
// ws reads the environment as soon as it is loaded, so it is loaded only where that is allowed.
const { FakeWorker, startCluster } = ignore
  ? {} as typeof import("../../fixtures/fake_worker.ts")
  : await import("../../fixtures/fake_worker.ts");
const SAMPLES = { seed: 0, epoch: 1, ids: [1, 2, 3, 4, 5, 6, 7] };

for (const traced of [false, true]) {
  Deno.test({
    name: `Cluster ${
      traced ? "asks workers for their spans and clocks" : "asks for no spans and clocks"
    }, and for no more`,
    ignore,
    async fn() {
      const events: ClusterEvent[] = [];
      await using cluster = await startCluster({}, { traced, emit: (event) => events.push(event) });
      const honest: Misbehaviour = { name: "r1" };
      const liar = await FakeWorker.join(cluster, { name: "r2" });
      const worker = await FakeWorker.join(cluster, honest);
      await cluster.waitForMembers(2, 5_000);
      // Of what it was never asked for.
      const span = [1, 2] as const;
      const envelope = { runId: liar.channel.runId, step: 1 };
      for (let attempt = 0; attempt < 1000; attempt++) {
        const node = { attempt, level: 0, index: 0 };
        liar.channel.send({ ...envelope, type: "spans", ...node, made: span, phases: [], sent: span });
        liar.channel.send({ ...envelope, type: "clock", microseconds: attempt });
      }
      const { losses } = await cluster.gradients(SAMPLES);
      assertEquals([...losses], SAMPLES.ids);
      await cluster.evaluate(SAMPLES);
      for (const { received } of [worker, liar]) {
        const welcome = received.find(({ type }) => type === "welcome");
        assertEquals([
          welcome?.type === "welcome" && welcome.traced,
          received.some(({ type }) => type === "clock-request"),
        ], [
          traced,
          traced,
        ]);
      }
      const told = events.flatMap((event) => event.type === "spans" ? [`${event.worker} ${event.spans[0]!.name}`] : []);
      // The step is over only when weights follow from it.
      assertEquals(told, traced ? ["null test"] : []);
      assertEquals(cluster.members.map(({ id }) => id), ["r1", "r2"], "nobody is lost for it");
      cluster.stop();
      await Promise.all([worker.closed, liar.closed]);
    },
  });
}
