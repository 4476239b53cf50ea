// Milliseconds an image by engine, by turns in one process, beside stock TensorFlow.js in another one.
import { HerdError } from "../../shared/errors.ts";
import { initialWeights } from "../../shared/initial_weights.ts";
import type { EngineName, GradientEngine } from "../../worker/engine.ts";
import { availableEngines, createEngine } from "../../worker/engines.ts";
import { type Calls, watchDevice } from "./device_calls.ts";
import { StockTfjs } from "./stock.ts";
import { type Findings, median } from "./support.ts";
import { computeStep, LEAF, LEAVES, SPEC, stepLeaves } from "./webgpu_step.ts";

const ROUNDS = 9;
/** Steps of an engine: a slow one has smaller ones, and not in every round, so that it takes no more than minutes. */
const EFFORT: Readonly<Record<EngineName, { leaves: number; images: number; rounds: readonly number[] }>> = {
  webgpu: { leaves: LEAVES, images: LEAF, rounds: Array.from({ length: ROUNDS }, (_, round) => round) },
  simd: { leaves: LEAVES, images: LEAF, rounds: Array.from({ length: ROUNDS }, (_, round) => round) },
  "tfjs-webgpu": { leaves: 1, images: 4, rounds: [0, 4, 8] },
  "tfjs-cpu": { leaves: 1, images: 1, rounds: [4] },
};
const STOCK_ROUNDS = [0, 4, 8];

/** Who takes turns. */
interface Contestant {
  readonly name: string;
  readonly adapter: string;
  /** Of a step. */
  readonly images: number;
  readonly rounds: readonly number[];
  /** One step; milliseconds an image. */
  step(): Promise<number>;
  readonly times: number[];
}

/** Whole training steps (weights up, augmentation, dropout, loss, all layers, the sum down) at 300 px; tfjs-cpu only with `slow`. */
export async function engines(slow: boolean): Promise<Findings> {
  const notes: string[] = [];
  await using held = new AsyncDisposableStack();
  const contestants: Contestant[] = [];
  let watched: (() => Promise<Calls>) | undefined;
  for (const { name, works, adapter = "" } of await availableEngines()) {
    if (!works || (name === "tfjs-cpu" && !slow)) continue;
    const { leaves: count, images, rounds } = EFFORT[name];
    try {
      const options = { spec: SPEC, microBatch: images, leaves: count, augment: true };
      const engine = held.use(await createEngine(name, options));
      const step = stepOf(engine, count, images);
      await step();
      contestants.push({ name, adapter, images: count * images, rounds, times: [], step });
      if (name === "webgpu") watched = () => watchDevice(step);
    } catch (error) {
      if (!(error instanceof HerdError)) throw error;
      notes.push(`${name}: ${error.message}`);
    }
    if (name !== "tfjs-webgpu") continue;
    const stock = held.use(await StockTfjs.start());
    const step = () => stock.step();
    const told = `${adapter.split(" (")[0]}, told nothing`;
    contestants.push({ name: "stock TF.js", adapter: told, images: 4, rounds: STOCK_ROUNDS, times: [], step });
  }
  for (let round = 0; round < ROUNDS; round++) {
    for (const { rounds, times, step } of contestants) if (rounds.includes(round)) times.push(await step());
  }
  const stock = contestants.find(({ name }) => name === "stock TF.js");
  const found = contestants.map(({ name, adapter, images, times }) => ({
    engine: name,
    adapter,
    imagesAStep: images,
    msPerImage: median(times),
    timesAsFastAsStock: stock && median(stock.times) / median(times),
    times,
  }));
  const calls = await watched?.();
  if (calls) {
    const perLeaf = (calls.dispatches / LEAVES).toFixed(1);
    const cpu = calls.cpuMs === null ? "an unknown time" : `${calls.cpuMs.toFixed(1)} ms`;
    notes.push(
      `webgpu: ${perLeaf} dispatches a leaf of ${LEAF} images, ${calls.submits} submits a step of ${LEAF * LEAVES}, ` +
        `for which the JavaScript thread works ${cpu} and otherwise waits`,
    );
  }
  return {
    title: `Training steps of keras-example at 300 px by turns, medians`,
    columns: ["engine", "images", "steps", "ms/image", "least", "images/s", "of stock's speed", "adapter"],
    rows: found.map(({ engine, adapter, imagesAStep, msPerImage, timesAsFastAsStock, times }) => [
      engine,
      `${imagesAStep}`,
      `${times.length}`,
      msPerImage.toFixed(2),
      Math.min(...times).toFixed(2),
      (1000 / msPerImage).toFixed(2),
      timesAsFastAsStock === undefined ? "" : `${timesAsFastAsStock.toFixed(1)} ×`,
      adapter,
    ]),
    notes,
    data: {
      engines: found,
      ...(calls ? { webgpu: { ...calls, dispatchesALeaf: calls.dispatches / LEAVES } } : {}),
    },
  };
}

function stepOf(engine: GradientEngine, count: number, images: number): () => Promise<number> {
  const [weights, leaves] = [initialWeights(SPEC, 0), stepLeaves(SPEC, count, images)];
  return async () => {
    const start = performance.now();
    await computeStep(engine, weights, leaves);
    return (performance.now() - start) / (count * images);
  };
}
