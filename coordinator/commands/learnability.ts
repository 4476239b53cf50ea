// Whether the network can learn a data set at all: a short training run on small images, without a comparison.
import type { DataEnvironment } from "../../data/mod.ts";
import type { Backend } from "../../shared/engine_names.ts";
import { silentReporter } from "../report/reporter.ts";
import { train } from "./run.ts";
import type { EpochRecord } from "../events/mod.ts";
import type { StepProgress } from "../experiment/mod.ts";

/** What {@linkcode learnability} is told. */
export interface LearnabilityOptions {
  /** As --data. */
  readonly data: string;
  readonly environment: DataEnvironment;
  readonly backend: Backend;
  readonly workers: number;
  readonly workerEntry: URL;
  readonly version: string;
  /** Hears of every step. */
  onStep(progress: StepProgress): void;
}

/** Near the least that keras-example takes, for speed; a larger step size and smaller batches for the same reason. */
const SETTINGS = { imageSize: 100, epochs: 20, batchSize: 32, learningRate: 5e-4 } as const;

/**
 * Trains keras-example for 20 epochs on images of 100 px, and returns the last epoch.
 * @throws {HerdError} as {@linkcode train}
 */
export async function learnability(options: LearnabilityOptions, signal: AbortSignal): Promise<EpochRecord> {
  const { onStep, workers, ...rest } = options;
  const out = await Deno.makeTempDir({ prefix: "herd-check-" });
  try {
    const { arms } = await train(
      {
        ...rest,
        ...SETTINGS,
        workers,
        minWorkers: workers,
        workerTimeout: 60,
        microBatch: 8,
        momentum: 0,
        seed: 0,
        arms: ["no-gc"],
        model: "keras-example",
        limit: null,
        compress: "none",
        compressGradients: false,
        out,
        resume: undefined,
        checkpointSteps: null,
        listen: { hostname: "127.0.0.1", port: 0 },
        token: undefined,
        tokenFile: undefined,
      },
      { ...silentReporter, step: onStep },
      signal,
    );
    return arms[0]!.epochs.at(-1)!;
  } finally {
    await Deno.remove(out, { recursive: true });
  }
}
