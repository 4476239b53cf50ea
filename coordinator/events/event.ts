// What happens in a run, as one discriminated union: whoever wants to know subscribes to the bus. Events are plain data, so that
// they travel as JSON and a stream of them says everything that the report does.
import type { DataProgress, DatasetInfo } from "../../data/mod.ts";
import type { Backend } from "../../shared/engine_names.ts";
import type { ErrorCode } from "../../shared/errors.ts";
import type { Compression } from "../../shared/half.ts";
import type { ModelSpec } from "../../shared/model.ts";
import type { EngineMemory } from "../../shared/model_cost.ts";
import type { CheckCounts, Taint } from "./checks.ts";
import type { DiagnosticsSummary } from "./diagnostics.ts";
import type { FaultCounts } from "./faults.ts";
import type { RunPlan } from "./plan.ts";
import type { Position } from "./position.ts";
import type { PrimaryMetric } from "./primary.ts";
import type { RunKey } from "./run_key.ts";

/** A worker, as the coordinator knows it. */
export interface WorkerInfo {
  /** Unique among the workers of a run: w1, w2, … are local ones, r1, r2, … come from elsewhere. */
  readonly id: string;
  /** "" for a process of this machine. */
  readonly host: string;
  /** Of its process. */
  readonly pid: number;
  /** What it computes with, of which an earlier version of Herd may have had others; "" until known. */
  readonly engine: string;
  /** Its device in words. */
  readonly adapter: string;
  /** SHA-256, in hexadecimal, of all that its bits depend on. */
  readonly fingerprint: string;
  /** In recent training steps; 0 until measured. */
  readonly imagesPerSecond: number;
  /** Spent in leaves of training steps, as the worker measured it; a relay counts those of tests too. */
  readonly computeSeconds: number;
}

/** Payload bytes between the coordinator and all workers. */
export interface Traffic {
  /** From the workers. */
  readonly up: number;
  /** To the workers. */
  readonly down: number;
}

/** Where the coordinator's time goes in a training step, in seconds; together they are the whole step. */
export interface StepSeconds {
  /** Leaves are given out. */
  readonly order: number;
  /** Nothing is to be done before the next answer comes. */
  readonly wait: number;
  /** Answers are looked at and added up. */
  readonly sum: number;
  /** The sum becomes new weights. */
  readonly update: number;
  /** The weights are encoded and begin to go out: they travel while the next step is given out. */
  readonly broadcast: number;
}

/** What a worker did of a training step. */
export interface StepWork {
  /** Leaves of the result that came from it. */
  readonly leaves: number;
  /** Spent in leaves since the step before in which it had a part, as it says. */
  readonly seconds: number;
}

/** Mean loss and accuracy over samples. */
export interface MeanMetrics {
  /** Mean cross entropy. */
  readonly loss: number;
  /** Part of the samples whose class is right, 0 to 1. */
  readonly accuracy: number;
}

/** One epoch of one training; times in seconds, traffic in bytes. */
export interface EpochRecord extends MeanMetrics {
  /** From 1. */
  readonly epoch: number;
  /** Mean cross entropy of the test images. */
  readonly testLoss: number;
  /** Part of the test images whose class is right, 0 to 1. */
  readonly testAccuracy: number;
  /**
   * Area under the ROC curve over the test images, ties as ½; for more than two classes the mean of each one's against the rest
   * (macro average). Null where a class has no test image.
   */
  readonly testAuc: number | null;
  /** Mean probability of the second class over the test images, to be set beside its share; null for more than two classes. */
  readonly testMeanProbability: number | null;
  /**
   * The training part, first batch to last update. The first step of a process is not timed and counts as the equally large
   * ones of the epoch did; null if there are none.
   */
  readonly seconds: number | null;
  /** What the test took. */
  readonly testSeconds: number;
  /** Training images by the seconds of the training part; null where these are. */
  readonly imagesPerSecond: number | null;
  /** From the workers, the test included. */
  readonly bytesUp: number;
  /** To the workers, the test included. */
  readonly bytesDown: number;
}

/** The finished epochs of one training. */
export interface TrainingRecord {
  /** Which training it is. */
  readonly key: RunKey;
  /** In order, the first one first. */
  readonly epochs: readonly EpochRecord[];
  /** Of the flat float32 weights after the last of them; "" before the first. */
  readonly weightsSha256: string;
  /** Of the test images after the last of them, in the order of their ids: one for two classes, else one a class. */
  readonly testLogits: readonly number[];
  /** Why it ended before its last epoch, in a sentence; null if it did not. */
  readonly diverged: string | null;
}

/** What happened in the earlier processes of a resumed run. */
export interface RunHistory {
  /** The version of Herd that wrote the checkpoint. */
  readonly herd: string;
  /** All that could compute at some time. */
  readonly workers: readonly WorkerInfo[];
  /** Of all workers, in the order of their coming. */
  readonly fingerprints: readonly string[];
  /** Whether the bits were those of an uninterrupted run, as far as is known. */
  readonly bitIdentical: boolean;
  /** What went wrong and was mended. */
  readonly faults: FaultCounts;
  /** What was computed again to be compared. */
  readonly checks: CheckCounts;
  /** Workers whose answers were wrong. */
  readonly taints: readonly Taint[];
}

/** How a gradient becomes an update, and what all trainings of a run have in common besides. */
export interface TrainingFacts {
  /** rmsprop, sgd or adam. */
  readonly optimizer: string;
  /** 0 for none. */
  readonly momentum: number;
  /** Whether sgd looks ahead along its momentum. */
  readonly nesterov: boolean;
  /** Which kernels are centralized. */
  readonly gcScope: "all" | "conv";
  /** The part of the mean that is taken away. */
  readonly gcScale: number;
  /** SHA-256 of the weights that all seeds begin with; null where each has its own. */
  readonly initWeights: string | null;
  /** Images of an optimizer step. */
  readonly batchSize: number;
  /** Images of a unit of work. */
  readonly microBatch: number;
  /** By class, what a training image's loss and gradient are multiplied by; null where all count alike. */
  readonly classWeights: readonly number[] | null;
}

/** The fixed facts of a run. */
export interface RunFacts extends RunPlan, TrainingFacts {
  /** Where the run leaves its files. */
  readonly folder: string;
  /** The version of Herd. */
  readonly herd: string;
  /** The engine that was asked of the workers. */
  readonly backend: Backend;
  /** As --model names it, or its file without folder and ending. */
  readonly modelName: string;
  /** Its layers and image size. */
  readonly model: ModelSpec;
  /** What the engine of each local worker holds for it; null where that is not planned. */
  readonly memory: EngineMemory | null;
  /** Of each training. */
  readonly epochs: number;
  /** Seeds and epochs as they were declared when the run began: more of them are an extension after looking. */
  readonly declared: { readonly seeds: number; readonly epochs: number };
  /** The metric that the verdict is about. */
  readonly primary: PrimaryMetric;
  /** The command that repeats it. */
  readonly command: string;
  /** The version of Deno. */
  readonly deno: string;
  /** Bytes that the run's folder will have, about. */
  readonly diskBytes: number;
  /** Steps of each epoch. */
  readonly steps: number;
  /** The share of the steps whose answers are computed again by a second worker; 0 for none. */
  readonly verify: number;
  /** Of the flat float32 weights that every arm of a seed starts from. */
  readonly initialWeightsSha256: Readonly<Record<number, string>>;
  /** How weights travel in training steps. */
  readonly compress: Compression;
  /** Whether gradients travel so too; results then depend on who computes what. */
  readonly compressGradients: boolean;
  /** What a resumed run goes on from; null for one that begins. */
  readonly resumed: {
    readonly at: Position;
    readonly history: RunHistory;
    readonly trainings: readonly TrainingRecord[];
  } | null;
}

/** The data set of a run, and what of it is used. */
export interface DatasetFacts {
  /** The whole set. */
  readonly info: DatasetInfo;
  /** Training images taken, or null for all. */
  readonly limit: number | null;
  /** Whether the procedural set stands in for the real one, which could not be fetched. */
  readonly fallback: boolean;
  /** The test images that are used: ids and classes, in the order in which they are tested. */
  readonly test: { readonly ids: readonly number[]; readonly labels: readonly number[] };
  /** Images used of each class: training, test. */
  readonly used: Readonly<Record<string, readonly [train: number, test: number]>>;
}

/** Something that took a while; in whole microseconds of the coordinator's clock. */
export interface TracedSpan {
  /** Of a worker: gradients or predictions, read, augment, forward, backward, send; of the coordinator: step, test and their parts. */
  readonly name: string;
  /** When it began. */
  readonly start: number;
  /** When it ended. */
  readonly end: number;
  /** The leaf that it is about, or the first of `leaves`. */
  readonly leaf?: number;
  /** How many, where it is about several. */
  readonly leaves?: number;
}

/** What a cluster tells. */
export type ClusterEvent =
  /** A line that people should not miss. */
  | { readonly type: "notice"; readonly text: string }
  | {
    readonly type: "worker";
    readonly what: "joined" | "preparing" | "ready" | "lost" | "excluded";
    readonly worker: WorkerInfo;
    /** Why it cannot compute: what it is preparing, where that takes a while, or why it is gone and what becomes of its leaves. */
    readonly reason?: string;
  }
  /** Something went wrong and was mended: so many more of this kind. */
  | {
    readonly type: "fault";
    readonly fault: keyof FaultCounts;
    readonly count: number;
    /** For people; small ones have none. */
    readonly text?: string;
  }
  /** Answers were computed again by second workers: so many more. */
  | { readonly type: "check" } & CheckCounts
  /** Wrong answers of a worker are in the weights. */
  | { readonly type: "taint" } & Taint
  /** What the coordinator did in a step or test, or what an answer of a worker took. Only with --trace. */
  | {
    readonly type: "spans";
    /** Null for the coordinator. */
    readonly worker: string | null;
    readonly task: "train" | "evaluate";
    /** Null for what belongs to no step. */
    readonly position: Position | null;
    /** Those after the first are parts of it, but for an answer's last one. */
    readonly spans: readonly TracedSpan[];
    /** How far the worker's times may be off, in microseconds. */
    readonly clockError: number;
    /** When the weights went out that the answer was computed with, and when it was added up; null where one is not known. */
    readonly arrow: { readonly from: number; readonly to: number } | null;
  };

/** What happens in a run. */
export type RunEvent =
  | ClusterEvent
  | { readonly type: "data"; readonly progress: DataProgress }
  | { readonly type: "dataset" } & DatasetFacts
  | { readonly type: "run" } & RunFacts
  /** A training step is over. Metrics are means over the epoch so far. */
  | { readonly type: "step" } & Position & MeanMetrics & {
    /** Means over this step's images. */
    readonly batch: MeanMetrics;
    /** Images of the epoch so far, and the seconds that they took: null while these are not known. */
    readonly images: number;
    readonly seconds: number | null;
    readonly traffic: Traffic;
    /** Images a second of each worker that is there, by id. */
    readonly speeds: Readonly<Record<string, number>>;
    /** By the ids of the workers whose answers are in this step. */
    readonly work: Readonly<Record<string, StepWork>>;
    /** Of this step. */
    readonly stepSeconds: StepSeconds;
  }
  | {
    readonly type: "epoch";
    readonly key: RunKey;
    readonly record: EpochRecord;
    readonly weightsSha256: string;
    /** As {@linkcode TrainingRecord.testLogits}. */
    readonly testLogits: readonly number[];
    /** Test images by class and predicted class: a row a class, in the order of labels. */
    readonly testConfusion: readonly (readonly number[])[];
  }
  /** A training has ended before its last epoch; the others go on. */
  | { readonly type: "diverged"; readonly position: Position; readonly text: string }
  /** What --diagnostics has seen until the end of an epoch. */
  | { readonly type: "diagnostics"; readonly summary: DiagnosticsSummary }
  /** A checkpoint is safely on the disk. */
  | { readonly type: "checkpoint"; readonly position: Position }
  | {
    readonly type: "end";
    readonly complete: boolean;
    /** What broke the run off. */
    readonly error: { readonly code: ErrorCode | "bug"; readonly message: string } | null;
  };

/** An event as it is told: with the time, in milliseconds since 1970. */
export type TimedEvent = RunEvent & { readonly time: number };
