// A worker whose device is lost in the middle of a leaf: it says so, comes again at once, and the run's bits are those of a
// run in which nothing happened.
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import type { ClusterOptions } from "../../../coordinator/cluster/mod.ts";
import type { Backend } from "../../../shared/engine_names.ts";
import { exitCodeOf, HerdError } from "../../../shared/errors.ts";
import { DeviceLost } from "../../../worker/device_lost.ts";
import type { SessionOptions } from "../../../worker/session.ts";
import { granted } from "../../fixtures/permissions.ts";

const ignore = !await granted("net", "env", "sys"); // listens on the loopback; ws reads the environment
const { FakeWorker, startCluster, TOKEN } = ignore
  ? {} as typeof import("../../fixtures/fake_worker.ts")
  : await import("../../fixtures/fake_worker.ts");
const { quietHash, weightsOf } = ignore
  ? {} as typeof import("../../fixtures/fake_run.ts")
  : await import("../../fixtures/fake_run.ts");
const { sampleComputer } = ignore
  ? {} as typeof import("../../fixtures/sample_computer.ts")
  : await import("../../fixtures/sample_computer.ts");
const { runSession } = ignore
  ? {} as typeof import("../../../worker/session.ts")
  : await import("../../../worker/session.ts");

/** A cluster that tells what becomes of its workers. */
async function listeningCluster(options: Partial<ClusterOptions> = {}) {
  const told: string[] = [];
  const cluster = await startCluster({}, {
    ...options,
    emit(event) {
      if (event.type === "worker") {
        told.push(`${event.worker.id} ${event.what}${event.reason ? `: ${event.reason}` : ""}`);
      }
    },
  });
  return { cluster, told };
}

/** @param losses leaves, counted over all devices, in the middle of which the device is lost */
function losingWorker(
  { address }: { readonly address: string },
  losses: readonly number[],
  changes: Partial<SessionOptions> = {},
) {
  const log: string[] = [];
  const asked: Backend[] = [];
  let leaves = 0;
  const session = runSession({
    url: `ws://${address}`,
    token: TOKEN,
    name: "",
    hostName: "elsewhere",
    prepare({ backend }) {
      asked.push(backend);
      const engine = backend === "simd" ? "simd" : "webgpu";
      return Promise.resolve(sampleComputer(engine, () => {
        if (engine === "webgpu" && losses.includes(++leaves)) throw new DeviceLost("The WebGPU device X was lost");
      }));
    },
    log: (text) => log.push(text),
    ...changes,
  });
  session.catch(() => {}); // whoever waits for it hears of it
  return { log, asked, session };
}

Deno.test("a device that is lost in the middle of a leaf is replaced at once, and the weights are the same", {
  ignore,
}, async () => {
  for (const [losses, hasOther] of [[[2, 5], false], [[1], true]] as const) {
    const { cluster, told } = await listeningCluster();
    await using _ = cluster;
    const other = hasOther ? await FakeWorker.join(cluster) : undefined;
    const { log, session } = losingWorker(cluster, losses);
    await cluster.waitForMembers(hasOther ? 2 : 1, 5_000);
    assertEquals(await weightsOf(cluster), await quietHash());
    const { leavesReissued, workersLost, pauses, ...faults } = cluster.faults;
    assertEquals([workersLost, pauses], [losses.length, hasOther ? 0 : losses.length]);
    assert(leavesReissued > 0);
    const { badAnswers, unreproducedAnswers, undecidedDisputes, workersExcluded, workersRestarted } = faults;
    const blames = [badAnswers, unreproducedAnswers, undecidedDisputes, workersExcluded, workersRestarted];
    assertEquals(blames, [0, 0, 0, 0, 0]);
    cluster.stop();
    await Promise.all([session, other?.closed]);
    const name = hasOther ? "r2" : "r1";
    const lost = told.filter((line) => line.startsWith(`${name} lost: `));
    assertEquals(lost.length, losses.length);
    lost.forEach((line, i) => {
      assertStringIncludes(line, "The WebGPU device X was lost in step ");
      assertStringIncludes(line, `; joining again with a new device (${i + 1} of 3); it had lea`);
    });
    assertEquals(log.filter((line) => line.includes("joining again")).length, losses.length);
    if (!hasOther) assertEquals(told.filter((line) => line === `${name} ready`).length, 3, "under its name");
  }
});

Deno.test("a device that is lost for the third time makes way for simd, where nobody has named it", {
  ignore,
}, async () => {
  const cases: readonly (readonly [Partial<ClusterOptions>, Partial<SessionOptions>])[] = [
    [{ backend: "auto" }, {}],
    [{ backend: "webgpu", fallsBack: true }, {}],
    [{ backend: "tfjs-cpu" }, { backend: "auto" }],
  ];
  for (const [options, changes] of cases) {
    const { cluster, told } = await listeningCluster(options);
    await using _ = cluster;
    const { asked, log, session } = losingWorker(cluster, [2, 3, 4], changes);
    await cluster.waitForMembers(1, 5_000);
    assertEquals(await weightsOf(cluster), await quietHash());
    const first = changes.backend ?? options.backend!;
    assertEquals(asked, [first, first, first, "simd"]);
    assertEquals(cluster.members.map(({ id, engine }) => [id, engine]), [["r1", "simd"]]);
    assertStringIncludes(told.join("\n"), ", for the third time; joining again with the simd engine");
    assertStringIncludes(log.join("\n"), ", for the third time; joining again with the simd engine");
    cluster.stop();
    await session;
  }
});

Deno.test("a named engine ends with its device's third loss, by an error of its own; the others go on", {
  ignore,
}, async () => {
  const cases: readonly (readonly [Partial<ClusterOptions>, Partial<SessionOptions>])[] = [
    [{ backend: "webgpu" }, {}],
    [{ backend: "auto" }, { backend: "webgpu" }],
  ];
  for (const [options, changes] of cases) {
    const { cluster, told } = await listeningCluster(options);
    await using _ = cluster;
    const { asked, session } = losingWorker(cluster, [1, 2, 3], changes);
    await cluster.waitForMembers(1, 5_000);
    const weights = weightsOf(cluster);
    const error = await assertRejects(() => session, HerdError, "was lost in step ");
    const other = await FakeWorker.join(cluster);
    assertEquals(await weights, await quietHash());
    assertStringIncludes(error.message, ", for the third time: look at the GPU's driver, or use another --backend");
    assertEquals(exitCodeOf(error), 4);
    assertEquals(asked, ["webgpu", "webgpu", "webgpu"]);
    assertStringIncludes(told.join("\n"), ", for the third time: look at the GPU's driver");
    cluster.stop();
    await other.closed;
  }
});

Deno.test("a device of an own worker that is lost before it is ready ends no run", { ignore }, async () => {
  const { cluster, told } = await listeningCluster();
  await using _ = cluster;
  let devices = 0;
  const { session } = losingWorker(cluster, [], {
    name: "w1",
    secret: cluster.expect("w1", { isOwn: true }),
    prepare() {
      if (++devices === 1) throw new DeviceLost("The WebGPU device X was lost");
      return Promise.resolve(sampleComputer("webgpu", () => {}));
    },
  });
  await cluster.waitForMembers(1, 5_000);
  assertEquals(await weightsOf(cluster), await quietHash());
  assert(told.includes(
    "w1 lost: The WebGPU device X was lost before the worker was ready; joining again with a new device (1 of 3)",
  ));
  cluster.stop();
  await session;
});
