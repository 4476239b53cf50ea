// Where a training step's wall time goes: the experiment's own loop with real workers, timed around the cluster.
import { join } from "node:path";
import { runExperiment } from "../../coordinator/experiment/mod.ts";
import { Cluster, type Samples } from "../../coordinator/cluster/mod.ts";
import { localLauncher, WorkerProcesses } from "../../coordinator/launch/mod.ts";
import { cacheDirectory, limitSplit, PackedDataset, resolveDataset } from "../../data/mod.ts";
import { type ComputeConfig, configHash } from "../../shared/config.ts";
import type { Compression } from "../../shared/half.ts";
import { initialWeights } from "../../shared/initial_weights.ts";
import { builtInModel, type ModelSpec } from "../../shared/model.ts";
import { createEngine } from "../../worker/engines.ts";
import { FAIR, PLAIN } from "../fixtures/experiment.ts";
import { type Findings, milliseconds } from "./support.ts";
import { centralStep, emptyStep } from "./wire.ts";

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
  const config: ComputeConfig = {
    dataset: info.sha256,
    model: builtInModel("keras-example", 300),
    batchSize: 128,
    microBatch: 8,
    compress: "none",
    compressGradients: false,
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
    workerTimeout: 60_000,
  });
  const logDir = await Deno.makeTempDir({ prefix: "herd-bench-" });
  const { firstWaitMs, plan } = localLauncher(workers);
  const { url, localAddress } = cluster;
  const secretFor = (name: string) => cluster.expect(name, { isOwn: true });
  const places = { entry: WORKER_ENTRY, cachePath: path, cacheDir: "" };
  const run = { url, localAddress, token, secretFor, certificate: undefined, ...places };
  await using _workers = WorkerProcesses.start({
    workers: plan(run),
    firstWaitMs,
    logDir,
    onNotice: () => {},
    onRestart: (text) => cluster.fail(new Error(text)),
    onGivenUp: (error) => cluster.fail(error),
  });
  try {
    await cluster.waitForMembers(workers, 60_000);
    const spent = { gradients: 0, weights: 0, leaves: 0 };
    let start = { ...spent };
    let epochSeconds = 0;
    const timed = {
      get traffic() {
        return cluster.traffic;
      },
      evaluate: cluster.evaluate.bind(cluster),
      async gradients(samples: Samples) {
        const before = computeSeconds(cluster);
        const sum = await time(() => cluster.gradients(samples), "gradients");
        // A step waits for its own slowest worker, which may be another one each time.
        spent.leaves += Math.max(...computeSeconds(cluster).map((seconds, i) => 1000 * (seconds - before[i]!)));
        return sum;
      },
      setWeights: (weights: Float32Array, compress: Compression) =>
        time(() => cluster.setWeights(weights, compress), "weights"),
    };
    const time = async <T>(action: () => Promise<T>, part: keyof typeof spent): Promise<T> => {
      const began = performance.now();
      const result = await action();
      spent[part] += performance.now() - began;
      return result;
    };
    let end = start;
    let steps = 0;
    await runExperiment(
      timed,
      {
        config: { compute: config, limit: LIMIT, learningRate: 1e-4, ...PLAIN },
        arms: ["gc"],
        seeds: [0],
        ...FAIR,
        epochs: 2,
        initialWeights: (seed) => initialWeights(config.model, seed),
        train: { ids: ids.train, labels: dataset.labels("train") },
        test: { ids: ids.test, labels: dataset.labels("test") },
      },
      [],
      {
        onStep(progress) {
          end = { ...spent };
          [steps, epochSeconds] = [progress.steps, progress.seconds!];
        },
        onEpoch: (_state, record) => {
          if (record.epoch === 1) start = { ...spent };
          return Promise.resolve();
        },
        onDivergence: () => Promise.resolve(),
        onBreak: () => Promise.resolve(),
      },
    );
    cluster.stop();
    const wall = 1000 * epochSeconds / steps;
    const part = (name: keyof typeof spent) => (end[name] - start[name]) / steps;
    const known = [
      { part: "leaves: read, augment, forward, backward (each step's slowest worker)", ms: part("leaves") },
      { part: "all-reduce: encoding, transfer, sums (measured alone)", ms: (await emptyStep(workers)).allReduce },
      { part: "weights into the engine (measured alone)", ms: await takeWeights(config.model) },
      { part: "mean, centralization, RMSprop (measured alone)", ms: await centralStep("gc") },
      { part: "encoding and sending the weights", ms: part("weights") },
    ];
    const accounted = known.reduce((sum, { ms }) => sum + ms, 0) / wall;
    const parts = [...known, { part: "not told apart: the loop, waiting", ms: wall * (1 - accounted) }];
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

/** What a worker does with new weights before its first leaf. */
async function takeWeights(spec: ModelSpec): Promise<number> {
  await using engine = await createEngine("simd", { spec, microBatch: 8, augment: true });
  const weights = initialWeights(spec, 0);
  return await milliseconds(15, () => engine.setWeights(weights));
}
