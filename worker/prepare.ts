// Makes what a worker computes with: the engine that a run asks for, with its fingerprint, and the samples.
import type { Split } from "../data/mod.ts";
import { HerdError } from "../shared/errors.ts";
import type { LeafOrder, OrderComputer } from "../shared/order_computer.ts";
import { subtreesIn } from "../shared/tree.ts";
import type { GradientEngine, Leaf } from "./engine.ts";
import { chooseEngine, createEngine } from "./engines.ts";
import { probe, type Probed } from "./probe.ts";
import { type SampleReader, samplesFrom } from "./samples.ts";
import type { JoinedRun } from "./session.ts";

/** What of a run an engine is made from. */
export interface PreparedRun extends Pick<JoinedRun, "config" | "probeKey" | "backend" | "onLeaf" | "onProgress"> {
  /** Where tuned tiles may be. */
  readonly tilesFile?: string | undefined;
}

/**
 * Computes with an engine of this process.
 * @param path the packed data set
 * @throws {HerdError} cluster, if the engine does not work here; data, if the data set cannot be read or is another
 */
export async function prepareEngine(
  { config: { dataset, model, batchSize, microBatch }, probeKey, backend, tilesFile, onLeaf, onProgress }: PreparedRun,
  path: string,
): Promise<OrderComputer> {
  await using held = new AsyncDisposableStack();
  const samples = held.use(samplesFrom(path));
  if (samples.sha256 !== dataset) {
    const which = `the data set ${samples.sha256.slice(0, 16)}…, the run is on ${dataset.slice(0, 16)}…`;
    throw new HerdError("data", `The file ${path} holds ${which}: start the coordinator again with its own data`);
  }
  const { name } = await chooseEngine(backend);
  let isProbed = false;
  const engine = held.use(
    await createEngine(name, {
      spec: model,
      microBatch,
      leaves: Math.ceil(batchSize / microBatch),
      augment: true,
      ...(tilesFile === undefined ? {} : { tilesFile }),
      onLeaf: () => isProbed && onLeaf(), // nobody has ordered the trial's
      onProgress,
    }),
  );
  const probed = await probe(engine, model, { microBatch, key: probeKey });
  isProbed = true;
  held.move(); // to the computer, which disposes of them
  return engineComputer(engine, samples, probed);
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
