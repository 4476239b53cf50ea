// All that a run is told on the command line, each declared once: its name, its kind and bounds, its default, its help, and
// whether --resume may change it. The values travel as one.
import { COMPRESSIONS } from "../../shared/half.ts";
import { BACKENDS } from "../../shared/engine_names.ts";
import {
  choice,
  choices,
  defaultsOf,
  flagsKept,
  keep,
  number,
  numbers,
  text,
  toggle,
  type Values,
} from "../../shared/cli/flags.ts";
import { commonFlags } from "../../shared/cli/command.ts";
import { MOST } from "../../shared/protocol.ts";
import { dataFlags } from "../../data/mod.ts";
import { ARM_NAMES, PRIMARY_METRICS, PROTOCOLS } from "../events/mod.ts";
import { CLASS_WEIGHTS } from "./class_weights.ts";
import { GC_SCOPES, OPTIMIZERS } from "../experiment/mod.ts";
import { modelFlag } from "./model_choice.ts";

const MAX_SEED = 2 ** 32 - 1;

/** A data set is known by its hash, wherever it is found. */
const { data, ...images } = dataFlags;

/** The flags of `train`. */
export const trainFlags = {
  ...keep("free", "workers", {
    workers: number(
      { help: "local worker processes", min: 0, max: 64, shown: "one a GPU, else one a core" },
      undefined,
    ),
    backend: choice(BACKENDS, "engine of the workers", "auto"),
  }),
  ...keep("free", "network", {
    epochs: number({ help: "epochs of each training", min: 1 }, 10),
  }),
  ...keep("free", "compared", {
    seeds: number({
      help: "pairs of trainings: seeds S, S+1, … of --seed S; declared before the run",
      min: 1,
      max: 1000,
    }, 1),
  }),
  ...keep("again", "machines", {
    launcher: text("WHERE", "where workers are started: local, slurm, or ssh:HOSTS_FILE", "local"),
  }),
  ...keep("again", "data", { data }),
  ...keep("again", "network", {
    "init-weights": text("FILE", "weights.safetensors of a model, which all seeds begin with", undefined),
  }),
  ...keep("bits", "network", {
    "batch-size": number({ help: "images in an optimizer step", min: 1, max: MOST.batchSize }, 128),
    "micro-batch": number({ help: "images in a unit of work", min: 1, max: MOST.microBatch }, 8),
    "learning-rate": numbers(
      { help: "each arm at each of these; 0.0001 is the default one of several, else the first", min: 1e-12 },
      [1e-4],
    ),
    optimizer: choice(OPTIMIZERS, "how a gradient becomes an update, as Keras does", "rmsprop"),
    momentum: number({ help: "of rmsprop and sgd", min: 0, max: 0.9999, whole: false }, 0),
    nesterov: toggle("sgd looks ahead along its momentum"),
  }),
  ...keep("bits", "compared", {
    "gc-scope": choice(GC_SCOPES, "kernels that are centralized", "all"),
    "gc-scale": number({ help: "part of the mean that is taken away", min: 0, max: 10, whole: false }, 1),
    control: toggle(
      "controls of the instrument: the first arm again with other random numbers, and without learning",
    ),
    protocol: choice(PROTOCOLS, "as-published also has the second arm go on from the first's weights", "fair"),
    seed: number({ help: "of weights, order, augmentation and dropout", min: 0, max: MAX_SEED }, 0),
    arms: choices(ARM_NAMES, "what to compare, the first with each other", ["no-gc", "gc"]),
  }),
  ...keep("bits", "network", {
    model: modelFlag,
  }),
  ...keep("bits", "data", {
    ...images,
    "class-weights": choice(
      CLASS_WEIGHTS,
      "balanced: the training images of each class count as much as any other's",
      "none",
    ),
    limit: number({ help: "take N training and N/4 test images", min: 2, shown: "all" }, undefined),
  }),
  ...keep("bits", "machines", {
    compress: choice(COMPRESSIONS, "send the weights as floats of 16 bits, with error feedback", "none"),
    "compress-gradients": toggle("the gradients too: results then depend on the number of workers"),
  }),
  ...keep("fixed", "compared", {
    primary: choice(PRIMARY_METRICS, "what the verdict is about, in the last epoch", "testAuc"),
  }),
  ...keep("fixed", "leaves", {
    diagnostics: toggle("look at every step's gradient and update, kernel by kernel: diagnostics.csv and a summary"),
    tensorboard: toggle("event files for TensorBoard, in the run's folder under events/"),
    out: text("DIR", "folder for the results [runs/<timestamp>]", undefined),
  }),
  ...keep("own", "leaves", {
    resume: text(
      "DIR",
      "go on with the run in DIR; addresses and paths are given again, a larger --epochs prolongs it",
      undefined,
    ),
  }),
  ...keep("free", "leaves", {
    "checkpoint-steps": number({ help: "steps between checkpoints, besides one an epoch", min: 1 }, undefined),
  }),
  ...keep("free", "workers", {
    "min-workers": number({ help: "workers to wait for", min: 1, shown: "the local ones, at least 1" }, undefined),
    "join-timeout": number({ help: "seconds to wait for these workers, then exit 4", min: 1 }, 600),
    "worker-timeout": number({ help: "seconds to wait when no worker is left, then exit 4", min: 1 }, 300),
  }),
  ...keep("again", "workers", {
    verify: number(
      {
        help: "share of the steps whose answers a second worker computes again, and one of each worker an epoch",
        min: 0,
        max: 1,
        whole: false,
        shown: "0.01 with workers on other machines, else 0",
      },
      undefined,
    ),
  }),
  ...keep("again", "machines", {
    listen: text("HOST:PORT", "address for workers; port 0 takes a free one", "127.0.0.1:0"),
  }),
  ...keep("again", "tells", {
    dashboard: text(
      "HOST:PORT",
      "where browsers can look at the run [127.0.0.1:0, if a person is at the terminal]",
      undefined,
    ),
  }),
  ...keep("again", "machines", {
    "token-file": text("FILE", "file with the token that workers must know", undefined),
    "tls-cert": text("FILE", "certificate (PEM) that workers elsewhere see: encrypts their connections", undefined),
    "tls-key": text("FILE", "its private key (PEM)", undefined),
    insecure: toggle("let other machines connect without TLS: all but the token can be read and changed on the way"),
  }),
  ...keep("own", "tells", {
    "no-dashboard": toggle("no page that shows the run"),
    quiet: toggle("only the final block and warnings"),
    json: toggle("events as JSON lines instead of text"),
    trace: toggle(
      "where the time goes, of the coordinator and all workers: trace.json in the run's folder, for Perfetto",
    ),
    ...commonFlags,
  }),
};

/** The values of the flags of `train`. */
export type Settings = Values<typeof trainFlags>;

/** What `train` does when it is told nothing. */
export const DEFAULT_SETTINGS: Settings = defaultsOf(trainFlags);

/** The flags that may be others when a run is resumed. */
export const FREE_ON_RESUME: readonly string[] = flagsKept(trainFlags, "free");

/** The flags that a resumed run never takes from its folder. */
export const AGAIN_ON_RESUME: readonly string[] = flagsKept(trainFlags, "again");
