// What a step costs besides the gradients: central step, broadcast and all-reduce of keras-example's weights over loopback,
// with workers that compute nothing.
import { applyUpdate, armOptimizer } from "../../coordinator/experiment/mod.ts";
import { divideBy } from "../../shared/sums.ts";
import { builtInModel, parameterCount, parameterTable } from "../../shared/model.ts";
import { PLAIN } from "../fixtures/experiment.ts";
import { FakeWorker, startCluster } from "../fixtures/fake_worker.ts";
import { type Findings, milliseconds } from "./support.ts";

const SPEC = builtInModel("keras-example", 300);
const REPEATS = 15;
const SETTINGS = { learningRate: 1e-4, ...PLAIN };

/** Milliseconds of a step of 128 images; the workers share this process, so transfers are an upper bound. */
export async function wire(): Promise<Findings> {
  const rows: { part: string; milliseconds: number }[] = [];
  for (const arm of ["no-gc", "gc"] as const) {
    rows.push({ part: `mean and optimizer, ${arm}`, milliseconds: await centralStep(arm) });
  }
  for (const workers of [1, 2, 4]) {
    const { broadcast, allReduce } = await emptyStep(workers);
    rows.push({ part: `broadcast to ${workers}`, milliseconds: broadcast });
    rows.push({ part: `all-reduce of ${workers}`, milliseconds: allReduce });
  }
  return {
    title: `Wire: ${parameterCount(SPEC).toLocaleString("en")} float32 values a message, median of ${REPEATS}`,
    columns: ["part", "ms"],
    rows: rows.map(({ part, milliseconds }) => [part, milliseconds.toFixed(2)]),
    data: rows,
  };
}

/** The median time of mean, transformation and update. */
export async function centralStep(arm: "no-gc" | "gc"): Promise<number> {
  const optimizer = armOptimizer(arm, SETTINGS);
  const table = parameterTable(SPEC);
  const state = optimizer.init(table);
  const weights = new Float32Array(parameterCount(SPEC));
  const gradient = Float32Array.from(weights, (_, i) => Math.sin(i));
  return await milliseconds(REPEATS, () => {
    const own = gradient.slice();
    divideBy(own, 128);
    optimizer.update(own, { state, weights, table });
    applyUpdate(weights, own);
  });
}

/** The median times of broadcast and all-reduce with workers that compute nothing: encoding, transfer, sums. */
export async function emptyStep(workers: number): Promise<{ broadcast: number; allReduce: number }> {
  await using cluster = await startCluster({ model: SPEC, batchSize: 128, microBatch: 8 });
  const fakes = await Promise.all(Array.from({ length: workers }, () => FakeWorker.join(cluster, { idle: true })));
  await cluster.waitForMembers(workers, 5_000);
  const weights = new Float32Array(parameterCount(SPEC));
  const ids = Array.from({ length: 128 }, (_, i) => i);
  const broadcast = await milliseconds(REPEATS, () => cluster.setWeights(weights));
  const allReduce = await milliseconds(REPEATS, () => cluster.gradients({ seed: 0, epoch: 1, ids }));
  cluster.stop();
  await Promise.all(fakes.map(({ closed }) => closed));
  return { broadcast, allReduce };
}
