// What happens in a run, as one discriminated union: whoever wants to know subscribes to the bus. Events are plain data, so that
// they travel as JSON and a stream of them says everything that the report does.
import type { DataProgress, DatasetInfo } from "../../data/mod.ts";
import type { Backend, EngineName } from "../../shared/engine_names.ts";
import type { ErrorCode } from "../../shared/errors.ts";
import type { Compression } from "../../shared/half.ts";
import type { ModelSpec } from "../../shared/model.ts";
import type { FaultCounts } from "./faults.ts";
import type { ArmName, RunKey } from "./run_key.ts";

/** A worker, as the coordinator knows it. */
export interface WorkerInfo {
  readonly id: string;
  /** "" for a process of this machine. */
  readonly host: string;
  readonly pid: number;
  readonly engine: EngineName;
  /** Its device in words. */
  readonly adapter: string;
  readonly fingerprint: string;
  /** In recent training steps; 0 until measured. */
  readonly imagesPerSecond: number;
  /** Spent in leaves of training steps, as the worker measured it; a relay counts those of tests too. */
  readonly computeSeconds: number;
}

/** Payload bytes between the coordinator and all workers. */
export interface Traffic {
  readonly up: number;
  readonly down: number;
}

/** Mean loss and accuracy over samples. */
export interface MeanMetrics {
  readonly loss: number;
  readonly accuracy: number;
}

/** One epoch of one training; times in seconds, traffic in bytes. */
export interface EpochRecord extends MeanMetrics {
  /** From 1. */
  readonly epoch: number;
  readonly testLoss: number;
  readonly testAccuracy: number;
  /** The training part, first batch to last update; the first step of a process is counted as the others took. */
  readonly seconds: number;
  readonly testSeconds: number;
  readonly imagesPerSecond: number;
  readonly bytesUp: number;
  readonly bytesDown: number;
}

/** The finished epochs of one training. */
export interface TrainingRecord {
  readonly key: RunKey;
  readonly epochs: readonly EpochRecord[];
  /** Of the flat float32 weights after the last of them; "" before the first. */
  readonly weightsSha256: string;
}

/** The end of a step: `step` of the `steps` of a training's epoch are finished. */
export interface Position {
  readonly key: RunKey;
  readonly epoch: number;
  readonly step: number;
  readonly steps: number;
}

/** What happened in the earlier processes of a resumed run. */
export interface RunHistory {
  /** The version of Herd that wrote the checkpoint. */
  readonly herd: string;
  readonly workers: readonly WorkerInfo[];
  /** Of all workers, in the order of their coming. */
  readonly fingerprints: readonly string[];
  /** Whether the bits were those of an uninterrupted run, as far as is known. */
  readonly bitIdentical: boolean;
  readonly faults: FaultCounts;
}

/** The fixed facts of a run. */
export interface RunFacts {
  readonly folder: string;
  readonly herd: string;
  /** The engine that was asked of the workers. */
  readonly backend: Backend;
  readonly modelName: string;
  readonly model: ModelSpec;
  readonly arms: readonly ArmName[];
  readonly seeds: readonly number[];
  readonly epochs: number;
  /** Of the flat float32 weights that every arm of a seed starts from. */
  readonly initialWeightsSha256: Readonly<Record<number, string>>;
  readonly compress: Compression;
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
  readonly info: DatasetInfo;
  readonly limit: number | null;
  /** Whether the procedural set stands in for the real one, which could not be fetched. */
  readonly fallback: boolean;
  /** Images used of each class: training, test. */
  readonly used: Readonly<Record<string, readonly [train: number, test: number]>>;
}

/** What a cluster tells. */
export type ClusterEvent =
  /** A line that people should not miss. */
  | { readonly type: "notice"; readonly text: string }
  | {
    readonly type: "worker";
    readonly what: "joined" | "ready" | "lost" | "excluded";
    readonly worker: WorkerInfo;
    /** Why it is gone, and what becomes of its leaves. */
    readonly reason?: string;
  }
  /** Something went wrong and was mended: so many more of this kind. */
  | {
    readonly type: "fault";
    readonly fault: keyof FaultCounts;
    readonly count: number;
    /** For people; small ones have none. */
    readonly text?: string;
  };

/** What happens in a run. */
export type RunEvent =
  | ClusterEvent
  | { readonly type: "data"; readonly progress: DataProgress }
  | { readonly type: "dataset" } & DatasetFacts
  | { readonly type: "run" } & RunFacts
  /** A training step is over. Metrics are means over the epoch so far. */
  | { readonly type: "step" } & Position & MeanMetrics & {
    /** Images of the epoch so far, and the seconds that they took. */
    readonly images: number;
    readonly seconds: number;
    readonly traffic: Traffic;
    /** Images a second of each worker that is there, by id. */
    readonly speeds: Readonly<Record<string, number>>;
  }
  | {
    readonly type: "epoch";
    readonly key: RunKey;
    readonly record: EpochRecord;
    readonly weightsSha256: string;
  }
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
