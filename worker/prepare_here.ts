// Makes what a worker computes with in the thread that it is called in: an engine, with its fingerprint, and the samples.
import type { Split } from "../data/mod.ts";
import type { EngineName } from "../shared/engine_names.ts";
import { HerdError } from "../shared/errors.ts";
import type { LeafOrder, OrderComputer } from "../shared/order_computer.ts";
import { subtreesIn } from "../shared/tree.ts";
import type { GradientEngine, Leaf } from "./engine.ts";
import { createEngine } from "./engines.ts";
import { probe, type Probed } from "./probe.ts";
import { type SampleReader, samplesFrom } from "./samples.ts";
import type { PreparedRun } from "./thread/mod.ts";

/**
 * Computes with an engine of this thread.
 * @param path the packed data set, once it is there
 * @throws {HerdError} cluster, if the engine does not work here; data, if the data set cannot be read or is another
 */
export async function prepareHere(
  name: EngineName,
  { config: { dataset, model, classWeights, batchSize, microBatch }, probeKey, tilesFile, onLeaf, onProgress, onPhase }:
    PreparedRun,
  path: Promise<string>,
): Promise<OrderComputer> {
  await using held = new AsyncDisposableStack();
  let isProbed = false;
  const engine = held.use(
    await createEngine(name, {
      spec: model,
      ...(classWeights === undefined ? {} : { classWeights }),
      microBatch,
      leaves: Math.ceil(batchSize / microBatch),
      augment: true,
      ...(tilesFile === undefined ? {} : { tilesFile }),
      onLeaf: () => isProbed && onLeaf(), // nobody has ordered the trial's
      onProgress,
      ...(onPhase === undefined ? {} : { onPhase }),
    }),
  );
  const probed = await probe(engine, model, { microBatch, key: probeKey });
  isProbed = true;
  const samples = held.use(openSamples(await path, dataset));
  held.move(); // to the computer, which disposes of them
  return engineComputer(engine, samples, probed);
}

/** @throws {HerdError} data, if the file cannot be read, or is not of the run's data set */
function openSamples(path: string, dataset: string): SampleReader {
  const samples = samplesFrom(path);
  if (samples.sha256 === dataset) return samples;
  samples[Symbol.dispose]();
  const which = `the data set ${samples.sha256.slice(0, 16)}…, the run is on ${dataset.slice(0, 16)}…`;
  throw new HerdError("data", `The file ${path} holds ${which}: start the coordinator again with its own data`);
}

/** An engine with its samples, both of which it disposes of. */
export function engineComputer(engine: GradientEngine, source: SampleReader, probed: Probed): OrderComputer {
  const readLeaves = ({ range, seed, epoch, samples }: LeafOrder, split: Split): Leaf[] =>
    samples.map((ids, i) => ({
      index: range.start + i,
      seed,
      epoch,
      samples: ids.map((id) => source.sample(split, id)),
    }));
  return {
    engine: engine.name,
    adapter: engine.adapter,
    ...probed,
    setWeights: (flat) => engine.setWeights(flat),
    gradients(order, signal) {
      const { leafCount, range } = order;
      return engine.gradients(leafCount, readLeaves(order, "train"), subtreesIn(leafCount, range), signal);
    },
    evaluate: (order, signal) => engine.evaluate(readLeaves(order, "test"), signal),
    async [Symbol.asyncDispose]() {
      await engine[Symbol.asyncDispose]();
      source[Symbol.dispose]();
    },
  };
}
