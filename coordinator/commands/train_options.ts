// The options of train() for programs: the settings of `deno task train` that do not print, under their names in camel case.
// They are written out, so that a program sees what each is for; a test holds them against the flags.
import type { MadeImages } from "../../data/mod.ts";
import type { Backend } from "../../shared/engine_names.ts";
import type { Compression } from "../../shared/half.ts";
import type { ArmName, PrimaryMetric, Protocol, TimedEvent } from "../events/mod.ts";
import type { GcScope, OptimizerName } from "../experiment/mod.ts";

/** What a run is told by a program; what is left out is as on the command line. */
export interface TrainOptions {
  /**
   * "auto", "horses-or-humans", "procedural", the path of a folder or zip with a folder for each class, or images that the
   * program makes. @default "auto"
   */
  readonly data?: string | MadeImages;
  /** Side of the images in pixels; those of files are cropped and averaged to it. @default 300 */
  readonly imageSize?: number;
  /** Part of each class that is kept for testing, of data without test images. @default 0.2 */
  readonly validationSplit?: number;
  /** Go on without image files that cannot be read; the report lists them. @default false */
  readonly skipUnreadable?: boolean;
  /** Take so many training images and a fourth of that for testing. @default all */
  readonly limit?: number;
  /** "balanced": the training images of each class count as much as any other's. @default "none" */
  readonly classWeights?: "none" | "balanced";

  /** What to compare, the first with each other. @default ["no-gc", "gc"] */
  readonly arms?: readonly ArmName[];
  /** Pairs of trainings: seeds S, S+1, … of `seed` S. @default 1 */
  readonly seeds?: number;
  /** Of weights, order, augmentation and dropout. @default 0 */
  readonly seed?: number;
  /** What the verdict is about, in the last epoch. @default "testAuc" */
  readonly primary?: PrimaryMetric;
  /** Controls of the instrument: the first arm again with other random numbers, and without learning. @default false */
  readonly control?: boolean;
  /** "as-published" also has the second arm go on from the first's weights. @default "fair" */
  readonly protocol?: Protocol;
  /** Kernels that are centralized. @default "all" */
  readonly gcScope?: GcScope;
  /** Part of the mean that is taken away. @default 1 */
  readonly gcScale?: number;

  /** "keras-example", "tiny", or the path of a FILE.json that describes a network. @default "keras-example" */
  readonly model?: string;
  /** weights.safetensors of a model, which all seeds begin with. @default each seed's own */
  readonly initWeights?: string;
  /** Epochs of each training. @default 10 */
  readonly epochs?: number;
  /** Images in an optimizer step. @default 128 */
  readonly batchSize?: number;
  /** Images in a unit of work. @default 8 */
  readonly microBatch?: number;
  /** Each arm at each of these. @default [1e-4] */
  readonly learningRate?: readonly number[];
  /** How a gradient becomes an update, as Keras does. @default "rmsprop" */
  readonly optimizer?: OptimizerName;
  /** Of rmsprop and sgd. @default 0 */
  readonly momentum?: number;
  /** sgd looks ahead along its momentum. @default false */
  readonly nesterov?: boolean;

  /** Local worker processes. @default one a GPU, else one a core */
  readonly workers?: number;
  /** Engine of the workers; "auto" is the best one here. @default "auto" */
  readonly backend?: Backend;
  /** Workers to wait for. @default the local ones, at least 1 */
  readonly minWorkers?: number;
  /** Seconds to wait for these workers. @default 600 */
  readonly joinTimeout?: number;
  /** Seconds to wait when no worker is left. @default 300 */
  readonly workerTimeout?: number;
  /** Share of the steps whose answers a second worker computes again. @default 0.01 with workers elsewhere, else 0 */
  readonly verify?: number;

  /** Where workers are started: "local", "slurm" or "ssh:HOSTS_FILE". @default "local" */
  readonly launcher?: string;
  /** Address for workers, HOST:PORT; port 0 takes a free one. @default "127.0.0.1:0" */
  readonly listen?: string;
  /** File with the token that workers must know. @default one that is made up, for those that are started here */
  readonly tokenFile?: string;
  /** Certificate (PEM) that workers elsewhere see. @default none */
  readonly tlsCert?: string;
  /** Its private key (PEM). @default none */
  readonly tlsKey?: string;
  /** Let other machines connect without TLS. @default false */
  readonly insecure?: boolean;
  /** Send the weights as floats of 16 bits, with error feedback. @default "none" */
  readonly compress?: Compression;
  /** The gradients too: results then depend on the number of workers. @default false */
  readonly compressGradients?: boolean;

  /** Folder for the results. @default runs/<timestamp> */
  readonly out?: string;
  /** Go on with the run in this folder; data and addresses are given again. @default a new run */
  readonly resume?: string;
  /** Steps between checkpoints, besides one an epoch. @default none */
  readonly checkpointSteps?: number;
  /** Look at every step's gradient and update, kernel by kernel. @default false */
  readonly diagnostics?: boolean;
  /** Event files for TensorBoard. @default false */
  readonly tensorboard?: boolean;
  /** Where the time goes: trace.json, for Perfetto. @default false */
  readonly trace?: boolean;

  /** Ends the run when it aborts, as Ctrl-C does: what is finished stays in the run's folder. @default never */
  readonly signal?: AbortSignal;
  /** Hears of all that happens, in order, one event at a time; what it throws ends the run. @default nobody */
  readonly onEvent?: (event: TimedEvent) => void | Promise<void>;
}
