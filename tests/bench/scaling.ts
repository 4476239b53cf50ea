// Images a second by number of worker processes, in interleaved runs: what the coordinator and the network cost.
import { type Findings, median, trainReport } from "./support.ts";

const WORKERS = [1, 2, 4];
const REPEATS = 3;

/** Medians over the later epochs of several runs, in the order 1, 2, 4, 1, 2, 4, … */
export async function scaling(): Promise<Findings> {
  const speeds = new Map<number, number[]>(WORKERS.map((workers) => [workers, []]));
  for (let repeat = 0; repeat < REPEATS; repeat++) {
    for (const workers of WORKERS) {
      const args = ["--data", "procedural", "--backend", "simd", "--arms", "gc", "--limit", "384", "--epochs", "3"];
      const { arms } = await trainReport([...args, "--workers", `${workers}`]);
      // The first epoch holds the warm-up of the compiler.
      speeds.get(workers)!.push(...arms[0]!.epochs.slice(1).map(({ imagesPerSecond }) => imagesPerSecond!));
    }
  }
  const medians = WORKERS.map((workers) => ({ workers, imagesPerSecond: median(speeds.get(workers)!) }));
  const alone = medians[0]!.imagesPerSecond;
  return {
    title:
      `Scaling on ${navigator.hardwareConcurrency} cores: keras-example, 300 px, batch 128, median of ${REPEATS} runs`,
    columns: ["workers", "images/s", "of one worker"],
    rows: medians.map(({ workers, imagesPerSecond }) => [
      `${workers}`,
      imagesPerSecond.toFixed(1),
      `${(imagesPerSecond / alone).toFixed(2)} x`,
    ]),
    data: medians.map((entry) => ({ ...entry, speedup: entry.imagesPerSecond / alone })),
  };
}
