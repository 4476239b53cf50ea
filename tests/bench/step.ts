// Where a training step's wall time goes: the experiment's own loop with real workers, timed around the cluster.
import { join } from "node:path";
import { runExperiment } from "../../coordinator/train.ts";
import { Cluster } from "../../coordinator/cluster.ts";
import { LocalWorkers } from "../../coordinator/launch.ts";
import { cacheDirectory, limitSplit, PackedDataset, resolveDataset } from "../../data/mod.ts";
import { configHash, type NumericConfig } from "../../shared/config.ts";
import { initialWeights } from "../../shared/initial_weights.ts";
import { builtInModel } from "../../shared/model.ts";
import type { Findings } from "./support.ts";
import { centralStep } from "./wire.ts";

const LIMIT = 512;
const WORKER_ENTRY = new URL("../../worker/main.ts", import.meta.url);

/** The parts of the second epoch's steps of the arm gc, with a worker a core. */
export async function step(): Promise<Findings> {
  const workers = navigator.hardwareConcurrency;
  const { path, info } = await resolveDataset({
    data: "procedural",
    imageSize: 300,
    environment: { cacheDir: cacheDirectory(Deno.env.toObject()) },
  });
  using dataset = PackedDataset.open(path);
  const ids = limitSplit(dataset, LIMIT);
  const config: NumericConfig = {
    dataset: info.sha256,
    limit: LIMIT,
    model: builtInModel("keras-example", 300),
    batchSize: 128,
    microBatch: 8,
    learningRate: 1e-4,
    momentum: 0,
    rho: 0.9,
    epsilon: 1e-7,
    seed: 0,
  };
  const token = crypto.randomUUID();
  await using cluster = await Cluster.start({
    runId: "0000000000000001",
    token,
    hostname: "127.0.0.1",
    port: 0,
    config,
    configHash: await configHash(config),
    backend: "simd",
    dataset: { byteLength: 0, chunkBytes: 1, hashes: [] },
    readChunk: () => new Uint8Array(),
  });
  const logDir = await Deno.makeTempDir({ prefix: "herd-bench-" });
  await using _workers = await LocalWorkers.start({
    count: workers,
    entry: WORKER_ENTRY,
    address: cluster.address,
    token,
    cachePath: path,
    version: "bench",
    logDir,
    onExit: (error) => cluster.fail(error),
  });
  try {
    await cluster.waitForMembers(workers, 60_000);
    const spent = { gradients: 0, weights: 0 };
    let start = { ...spent, compute: computeSeconds(cluster) };
    let epochSeconds = 0;
    const timed = {
      get traffic() {
        return cluster.traffic;
      },
      evaluate: cluster.evaluate.bind(cluster),
      gradients: (samples: Parameters<Cluster["gradients"]>[0]) => time(() => cluster.gradients(samples), "gradients"),
      setWeights: (weights: Float32Array) => time(() => cluster.setWeights(weights), "weights"),
    };
    const time = async <T>(action: () => Promise<T>, part: keyof typeof spent): Promise<T> => {
      const began = performance.now();
      const result = await action();
      spent[part] += performance.now() - began;
      return result;
    };
    let end = start;
    let steps = 0;
    await runExperiment(timed, {
      config,
      arms: ["gc"],
      epochs: 2,
      initialWeights: initialWeights(config.model, 0),
      train: { ids: ids.train, labels: dataset.labels("train") },
      test: { ids: ids.test, labels: dataset.labels("test") },
    }, {
      onStep(progress) {
        end = { ...spent, compute: computeSeconds(cluster) };
        [steps, epochSeconds] = [progress.steps, progress.seconds];
      },
      onEpoch: (_arm, record) => {
        if (record.epoch === 1) start = { ...spent, compute: computeSeconds(cluster) };
        return Promise.resolve();
      },
      onBreak: () => Promise.resolve(),
    });
    cluster.stop();
    const wall = 1000 * epochSeconds / steps;
    const slowest = Math.max(...end.compute.map((seconds, i) => 1000 * (seconds - start.compute[i]!))) / steps;
    const gradients = (end.gradients - start.gradients) / steps;
    const parts = [
      { part: "leaves: read, augment, forward, backward (slowest worker)", ms: slowest },
      { part: "the rest of the all-reduce, not told apart: sums, transfer, waiting", ms: gradients - slowest },
      { part: "mean, centralization, RMSprop (measured alone)", ms: await centralStep("gc") },
      { part: "encoding and sending the weights", ms: (end.weights - start.weights) / steps },
    ];
    const accounted = parts.reduce((sum, { ms }) => sum + ms, 0) / wall;
    return {
      title: `A step of 128 images at 300 px with ${workers} SIMD workers: ${wall.toFixed(0)} ms`,
      columns: ["part", "ms", "share"],
      rows: parts.map(({ part, ms }) => [part, ms.toFixed(1), `${(100 * ms / wall).toFixed(1)} %`]),
      notes: [`accounted for: ${(100 * accounted).toFixed(1)} %; inside the leaves: deno task bench kernels`],
      data: { wall, parts, accounted },
      ...(accounted < 0.95 ? { failure: `Only ${(100 * accounted).toFixed(1)} % of a step is accounted for` } : {}),
    };
  } finally {
    await Deno.remove(join(logDir), { recursive: true });
  }
}

function computeSeconds(cluster: Cluster): number[] {
  return cluster.members.map((member) => member.computeSeconds);
}
