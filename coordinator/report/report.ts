// report.json: what a run found, as data. Everything here is pure; the schema is part of Herd's contract.
import type { DatasetInfo } from "../../data/mod.ts";
import { HerdError } from "../../shared/errors.ts";
import type { Compression } from "../../shared/half.ts";
import { type ArmName, type EpochRecord, type FaultCounts, NO_FAULTS, type TrainingRecord } from "../events/mod.ts";

/** One arm with one seed. */
export interface ArmReport {
  readonly arm: ArmName;
  readonly seed: number;
  /** SHA-256 over the flat float32 weights: equal in two runs whose results are the same bits. */
  readonly weightsSha256: string;
  readonly initialWeightsSha256: string;
  readonly trainSeconds: number;
  readonly epochs: readonly EpochRecord[];
}

/** A metric of the last epoch, an arm against the first one. */
export interface Comparison {
  readonly metric: "loss" | "accuracy" | "testLoss" | "testAccuracy" | "seconds";
  readonly baseline: ArmName;
  readonly arm: ArmName;
  /** Pairs of runs that differ in the arm alone. */
  readonly pairs: number;
  /** Arm minus baseline, mean over pairs. */
  readonly meanDifference: number;
  /** 95 % confidence interval of the mean; one pair has none. */
  readonly ci95: readonly [number, number] | null;
  readonly verdict: string;
}

/** A worker, as the report lists it. */
export interface WorkerReport {
  readonly id: string;
  readonly engine: string;
  readonly adapter: string;
  readonly host: string;
  readonly imagesPerSecond: number;
}

/** The whole report. */
export interface Report {
  readonly complete: boolean;
  readonly dataset: {
    readonly name: string;
    readonly train: number;
    readonly test: number;
    readonly limit: number | null;
    readonly classes: Readonly<Record<string, readonly [number, number]>>;
    readonly sha256: string;
    readonly imageShape: readonly [number, number, number];
    /** Whether the procedural set stands in for the real one, which could not be fetched. */
    readonly fallback: boolean;
  };
  readonly model: { readonly name: string; readonly parameters: number };
  readonly engine: { readonly name: string; readonly fingerprint: string; readonly adapter: string };
  /** How weights travelled in training steps, and whether gradients did so too. */
  readonly compress: Compression;
  readonly compressGradients: boolean;
  readonly bitIdentical: boolean;
  readonly workers: readonly WorkerReport[];
  /** What went wrong during the run and was mended. */
  readonly faults: FaultCounts;
  readonly arms: readonly ArmReport[];
  readonly comparison: readonly Comparison[];
}

/** What a report says of a training that has finished an epoch. */
export function armReport(
  { key: { arm, seed }, weightsSha256, epochs }: TrainingRecord,
  initialWeightsSha256: string,
): ArmReport {
  const trainSeconds = epochs.reduce((sum, { seconds }) => sum + seconds, 0);
  return { arm, seed, weightsSha256, initialWeightsSha256, trainSeconds, epochs };
}

/** What was compressed, in a sentence; "" if nothing was. */
export function describeCompression({ compress, compressGradients }: Report): string {
  if (compress === "none") return "";
  return `Weights${compressGradients ? " and gradients" : ""} travelled as ${compress}.`;
}

/** Why another run of the same config may get different bits, in a sentence; "" if it gets the same. */
export function describeIdentity({ bitIdentical, compressGradients }: Report): string {
  if (bitIdentical) return "";
  const why = compressGradients
    ? "gradients were compressed"
    : "workers computed, or may have computed, different bits";
  return `Bit-identity is off: ${why}.`;
}

const COMPARED = ["loss", "accuracy", "testLoss", "testAccuracy"] as const;

/** Every arm against the first one, by the metrics of the last epoch and the training time. */
export function compare(arms: readonly ArmReport[]): Comparison[] {
  const [baseline, ...others] = arms;
  if (baseline === undefined) return [];
  return others.flatMap((arm) => {
    const [a, b] = [baseline.epochs.at(-1), arm.epochs.at(-1)];
    if (a === undefined || b === undefined || arm.epochs.length !== baseline.epochs.length) return [];
    const entry = (metric: Comparison["metric"], meanDifference: number): Comparison => ({
      metric,
      baseline: baseline.arm,
      arm: arm.arm,
      pairs: 1,
      meanDifference,
      ci95: null,
      verdict: verdictOf(metric, arm.arm, meanDifference),
    });
    return [
      ...COMPARED.map((metric) => entry(metric, b[metric] - a[metric])),
      entry("seconds", arm.trainSeconds - baseline.trainSeconds),
    ];
  });
}

/** What one pair allows to say: which arm was ahead here, and that one pair does not tell a difference from chance. */
function verdictOf(metric: Comparison["metric"], arm: ArmName, difference: number): string {
  if (difference === 0) return "no difference";
  if (metric === "seconds") return `${arm} took ${difference < 0 ? "less" : "more"} time in this run`;
  const better = metric.toLowerCase().endsWith("loss") ? difference < 0 : difference > 0;
  return `${arm} is ${better ? "ahead" : "behind"} in this one pair; a single pair cannot tell it from chance`;
}

/** The part of the larger class: what guessing it always would score. */
export function chanceAccuracy(classes: Report["dataset"]["classes"], split: "train" | "test"): number {
  const counts = Object.values(classes).map((pair) => pair[split === "train" ? 0 : 1]);
  return Math.max(...counts) / counts.reduce((a, b) => a + b, 0);
}

/** What a report says of its data set: counts are of the images that the run used. */
export function datasetReport(
  info: DatasetInfo,
  used: { labels: Readonly<Record<"train" | "test", readonly number[]>>; limit: number | null; fallback: boolean },
): Report["dataset"] {
  const count = (split: "train" | "test", label: number) => used.labels[split].filter((one) => one === label).length;
  const { imageSize, channels, name, sha256 } = info;
  return {
    name,
    train: used.labels.train.length,
    test: used.labels.test.length,
    limit: used.limit,
    classes: Object.fromEntries(
      info.classes.map((className, label) => [className, [count("train", label), count("test", label)] as const]),
    ),
    sha256,
    imageShape: [imageSize, imageSize, channels],
    fallback: used.fallback,
  };
}

/**
 * Reads a report back.
 * @throws {HerdError} data, if it is not one
 */
export function parseReport(text: string, path: string): Report {
  try {
    const report = JSON.parse(text) as Report;
    if (Array.isArray(report.arms) && Array.isArray(report.comparison) && report.dataset !== undefined) {
      const before = { compress: "none", compressGradients: false } as const; // reports that do not know of it
      return { ...before, ...report, faults: { ...NO_FAULTS, ...report.faults } };
    }
  } catch {
    // Said below.
  }
  throw new HerdError("data", `${path} is not a report of a run: give the folder of one`);
}
