// Whether the network can learn a data set at all: a short training on small images, without a comparison.
import type { DataEnvironment, DataProgress } from "../../data/mod.ts";
import { EventBus } from "../events/mod.ts";
import { localLauncher } from "../launch/mod.ts";
import { runTraining } from "./run.ts";
import { withTemporaryFolder } from "./temporary_folder.ts";
import { DEFAULT_SETTINGS } from "./settings.ts";
import type { TrainParts } from "./run_options.ts";

/** What a trial of a data set is told. */
export interface LearnabilityOptions extends Omit<TrainParts, "engineMemory"> {
  /** As --data. */
  readonly data: string;
  /** The part of each class that is kept for testing, if that was said. */
  readonly validationSplit?: number | undefined;
  /** Whether to go on without the image files that cannot be read. */
  readonly skipUnreadable: boolean;
  /** Where data comes from and goes to. */
  readonly environment: DataEnvironment;
  /** The version of Herd. */
  readonly version: string;
  /** Hears of the packing of smaller images. */
  onData(progress: DataProgress): void;
  /** Hears of each step: the accuracy is that of the epoch so far. */
  onStep(step: {
    readonly epoch: number;
    readonly step: number;
    readonly steps: number;
    readonly accuracy: number;
  }): void;
}

/** Near the least that keras-example takes, for speed; a larger step size and smaller batches for the same reason. */
const TRIAL = { imageSize: 100, epochs: 20, batchSize: 32, learningRate: [5e-4], workerTimeout: 60 } as const;

/**
 * Trains keras-example for 20 epochs on images of 100 px.
 * @param signal aborts with the error to end with
 * @returns accuracy on the training and the test images in the last epoch
 * @throws {HerdError} data, cluster or divergence, as a run does
 */
export async function learnability(
  {
    data,
    validationSplit,
    skipUnreadable,
    environment,
    chooseEngine,
    localWorkers,
    workerEntry,
    version,
    onData,
    onStep,
  }: LearnabilityOptions,
  signal: AbortSignal,
): Promise<{ readonly accuracy: number; readonly testAccuracy: number }> {
  const bus = new EventBus();
  using _ = bus.subscribe("The check", (event) => {
    if (event.type === "data") onData(event.progress);
    if (event.type === "step") onStep(event);
  });
  return await withTemporaryFolder(async (out) => {
    const engine = await chooseEngine("auto");
    const { count: workers, gpus } = await localWorkers(engine, undefined);
    const { arms } = await runTraining(
      {
        settings: { ...DEFAULT_SETTINGS, ...TRIAL, arms: ["no-gc"], data, validationSplit, skipUnreadable, out },
        backend: engine.name,
        fallsBack: false,
        launcher: localLauncher(workers, gpus),
        minWorkers: workers,
        verify: 0,
        listen: { hostname: "127.0.0.1", port: 0 },
        token: undefined,
        tls: undefined,
        data: environment,
        workerEntry,
        version,
      },
      bus,
      signal,
    );
    return arms[0]!.epochs.at(-1)!;
  });
}
