// report.json: what a run found, as data. Everything here is pure; the schema is part of Herd's contract.
import type { Skipped } from "../../data/mod.ts";
import { byId } from "../../shared/by_id.ts";
import { type ChanceToBeCaught, chanceToBeCaught } from "../cluster/mod.ts";
import type { Compression } from "../../shared/half.ts";
import {
  type ArmName,
  type CheckCounts,
  type DatasetFacts,
  describePosition,
  type EpochRecord,
  type FaultCounts,
  inOrder,
  isBitIdentical,
  type RunFacts,
  type Snapshot,
  type Taint,
  type TrainingRecord,
} from "../events/mod.ts";
import { parameterCount } from "../../shared/model.ts";

/** One arm with one seed. */
export interface ArmReport {
  /** Which optimizer it trained with. */
  readonly arm: ArmName;
  /** Of its weights, order, augmentation and dropout. */
  readonly seed: number;
  /** SHA-256 over the flat float32 weights: equal in two runs whose results are the same bits. */
  readonly weightsSha256: string;
  /** SHA-256 over the flat float32 weights that it began with; equal for all arms of a seed. */
  readonly initialWeightsSha256: string;
  /** Seconds of the training parts of all epochs; null if those of one are not known. */
  readonly trainSeconds: number | null;
  /** In order, the first one first. */
  readonly epochs: readonly EpochRecord[];
}

/** A metric of the last epoch, an arm against the first one. */
export interface Comparison {
  /** What is compared. */
  readonly metric: "loss" | "accuracy" | "testLoss" | "testAccuracy" | "seconds";
  /** The arm that the others are compared with. */
  readonly baseline: ArmName;
  /** The arm that is compared. */
  readonly arm: ArmName;
  /** Pairs of runs that differ in the arm alone. */
  readonly pairs: number;
  /** Arm minus baseline, mean over pairs. */
  readonly meanDifference: number;
  /** 95 % confidence interval of the mean; one pair has none. */
  readonly ci95: readonly [number, number] | null;
  /** What the difference allows to say, in a sentence. */
  readonly verdict: string;
}

/** A worker, as the report lists it. */
export interface WorkerReport {
  /** Its name in the run. */
  readonly id: string;
  /** What it computed with. */
  readonly engine: string;
  /** Its device in words. */
  readonly adapter: string;
  /** "" for a process of the coordinator's machine. */
  readonly host: string;
  /** In its last training steps. */
  readonly imagesPerSecond: number;
}

/** The whole report. */
export interface Report {
  /** Whether the run has done all that it was to do. */
  readonly complete: boolean;
  /** What was trained and tested on; counts are of the images that were used. */
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
    /** The image files that --skip-unreadable has left out. */
    readonly skipped: Skipped;
  };
  /** The network, and how many values it has. */
  readonly model: { readonly name: string; readonly parameters: number };
  /** What the first worker computed with. */
  readonly engine: { readonly name: string; readonly fingerprint: string; readonly adapter: string };
  /** How weights travelled in training steps, and whether gradients did so too. */
  readonly compress: Compression;
  /** Whether gradients travelled compressed too. */
  readonly compressGradients: boolean;
  /** Whether another undisturbed run of the same config gets the same bits, as far as is known. */
  readonly bitIdentical: boolean;
  /** All that could compute at some time. */
  readonly workers: readonly WorkerReport[];
  /** What went wrong during the run and was mended. */
  readonly faults: FaultCounts;
  /** What second workers computed again, and how likely it is, at least, that a worker which falsifies a share of its answers is found out in an epoch. */
  readonly verification: CheckCounts & {
    /** The share of the steps that is checked; 0 for none. */
    readonly share: number;
    /** By the share that is falsified, 0 to 1. */
    readonly chanceToBeCaught: readonly (ChanceToBeCaught & { readonly falsified: number })[];
  };
  /** Workers whose wrong answers are in the weights, and since when. */
  readonly taints: readonly Taint[];
  /** A training each: seed after seed, the arms as they were named. */
  readonly arms: readonly ArmReport[];
  /** A metric and an arm each. */
  readonly comparison: readonly Comparison[];
}

/**
 * The report of a run, from what its events add up to.
 * @param complete whether the run has done all that it was to do
 * @throws {RangeError} if the run has not told its data set and its facts yet
 */
export function reportOf(snapshot: Snapshot, complete: boolean): Report {
  const { dataset, run, faults } = snapshot;
  if (dataset === null || run === null) throw new RangeError("Cannot report on a run that has not begun");
  const workers = snapshot.workers.map(({ worker }) => worker).sort(byId);
  const [first] = workers;
  const arms = inOrder(snapshot.trainings, run).map((training) => armReport(training, run));
  return {
    complete,
    dataset: datasetReport(dataset),
    model: { name: run.modelName, parameters: parameterCount(run.model) },
    engine: {
      name: first?.engine ?? run.backend,
      fingerprint: first?.fingerprint ?? "",
      adapter: first?.adapter ?? "",
    },
    compress: run.compress,
    compressGradients: run.compressGradients,
    bitIdentical: isBitIdentical(snapshot),
    faults,
    verification: verificationOf(snapshot),
    taints: snapshot.taints,
    workers: workers.map(({ id, engine, adapter, host, imagesPerSecond }) => ({
      id,
      engine,
      adapter,
      host,
      imagesPerSecond,
    })),
    arms,
    comparison: compare(arms),
  };
}

/** Shares of its answers that a worker may falsify, for which the risk is told. */
const FALSIFIED = [0.01, 0.1, 1];

function verificationOf({ run, checks }: Snapshot): Report["verification"] {
  const { verify: share = 0, steps = 0 } = run ?? {};
  const chances = FALSIFIED.map((falsified) => ({ falsified, ...chanceToBeCaught(falsified, share, steps) }));
  return { share, ...checks, chanceToBeCaught: share === 0 ? [] : chances };
}

function armReport(
  { key: { arm, seed }, weightsSha256, epochs }: TrainingRecord,
  { initialWeightsSha256 }: RunFacts,
): ArmReport {
  const trainSeconds = epochs.reduce<number | null>(
    (sum, { seconds }) => sum === null || seconds === null ? null : sum + seconds,
    0,
  );
  const initial = initialWeightsSha256[seed] ?? "";
  return { arm, seed, initialWeightsSha256: initial, weightsSha256, trainSeconds, epochs };
}

/** Counts are of the images that the run used. */
function datasetReport({ info, limit, fallback, used }: DatasetFacts): Report["dataset"] {
  const { imageSize, channels, name, sha256, skipped } = info;
  const count = (split: 0 | 1) => Object.values(used).reduce((sum, counts) => sum + counts[split], 0);
  const imageShape = [imageSize, imageSize, channels] as const;
  return { name, train: count(0), test: count(1), limit, classes: used, sha256, imageShape, fallback, skipped };
}

/** What was compressed, in a sentence; "" if nothing was. */
export function describeCompression({ compress, compressGradients }: Report): string {
  if (compress === "none") return "";
  return `Weights${compressGradients ? " and gradients" : ""} travelled as ${compress}.`;
}

/** Why the time of an arm is not known, in a sentence; "" if all are. */
export function describeTimes({ arms }: Report): string {
  if (arms.every(({ trainSeconds }) => trainSeconds !== null)) return "";
  return "Where no time is told, the first step of a process, which is not timed, was the only one of its size in its epoch.";
}

/** Why another run of the same config may get different bits, in a sentence; "" if it gets the same. */
export function describeIdentity({ bitIdentical, compressGradients }: Report): string {
  if (bitIdentical) return "";
  const why = compressGradients
    ? "gradients were compressed"
    : "workers computed, or may have computed, different bits";
  return `Bit-identity is off: ${why}.`;
}

/** "w3 on host, since arm gc, epoch 2, step 1 of 9" */
export function nameTaints(taints: readonly Taint[]): string {
  const seeds = new Set(taints.map(({ since }) => since.key.seed));
  return taints.map(({ worker, host, since }) => {
    const who = `${worker}${host === "" ? "" : ` on ${host}`}`;
    return `wrong answers of ${who}, since ${describePosition(since, [...seeds])}`;
  }).join("; ");
}

/** That a result is not to be trusted, and why, in a sentence; "" if it may be. */
export function describeTaints({ taints }: Report): string {
  if (taints.length === 0) return "";
  return `TAINTED: in this result there are ${nameTaints(taints)}: do not rely on it.`;
}

/** What was checked by computing it again, and what that is worth, in sentences; "" if nothing was to be. */
export function describeVerification({ verification }: Report): string {
  const { share, compared, impossible, differing, chanceToBeCaught } = verification;
  if (share === 0) return "";
  const percent = (part: number) => `${Math.round(1000 * part) / 10} %`;
  const risks = (kind: "onPurpose" | "atRandom") =>
    chanceToBeCaught.map(({ falsified, [kind]: chance }) => `${percent(falsified)} of them ${percent(chance)}`).join(
      ", ",
    );
  const unknown = impossible === 0 ? "" : ", and of those nothing is known: no other worker has their fingerprint";
  return `Verified: second workers computed ${compared} answers again, and ${differing} differed; ${impossible} could not ` +
    `be computed again${unknown}. A worker that falsifies answers, and is not checked by accomplices, is caught within an ` +
    `epoch with a chance of at least: for ${risks("onPurpose")}; whose answers are wrong at random: ${
      risks("atRandom")
    }.`;
}

const COMPARED = ["loss", "accuracy", "testLoss", "testAccuracy"] as const;

/** Every arm against the first one, by the metrics of the last epoch and the training time, where that is known. */
export function compare(arms: readonly ArmReport[]): Comparison[] {
  const baseline = arms[0]?.arm;
  if (baseline === undefined) return [];
  const others = new Set(arms.map(({ arm }) => arm).filter((arm) => arm !== baseline));
  return [...others].flatMap((arm) => {
    const pairs = pairsOf(arms, baseline, arm);
    if (pairs.length === 0) return [];
    const entry = (metric: Comparison["metric"], differences: readonly number[]): Comparison => {
      const meanDifference = differences.reduce((a, b) => a + b, 0) / pairs.length;
      const verdict = verdictOf(metric, { arm, difference: meanDifference, pairs: pairs.length });
      return { metric, baseline, arm, pairs: pairs.length, meanDifference, ci95: null, verdict };
    };
    const seconds = pairs.flatMap(([a, b]) =>
      a.trainSeconds === null || b.trainSeconds === null ? [] : [b.trainSeconds - a.trainSeconds]
    );
    return [
      ...COMPARED.map((metric) =>
        entry(metric, pairs.map(([a, b]) => b.epochs.at(-1)![metric] - a.epochs.at(-1)![metric]))
      ),
      ...seconds.length < pairs.length ? [] : [entry("seconds", seconds)],
    ];
  });
}

/** Trainings with the same seed that have come equally far. */
function pairsOf(arms: readonly ArmReport[], baseline: ArmName, arm: ArmName): [ArmReport, ArmReport][] {
  return arms.filter((one) => one.arm === arm && one.epochs.length > 0).flatMap((one) => {
    const other = arms.find(({ arm, seed }) => arm === baseline && seed === one.seed);
    return other?.epochs.length === one.epochs.length ? [[other, one] as [ArmReport, ArmReport]] : [];
  });
}

/** What the pairs allow to say: which arm was ahead, and that one pair does not tell a difference from chance. */
function verdictOf(
  metric: Comparison["metric"],
  { arm, difference, pairs }: { readonly arm: ArmName; readonly difference: number; readonly pairs: number },
): string {
  if (difference === 0) return "no difference";
  if (metric === "seconds") return `${arm} took ${difference < 0 ? "less" : "more"} time in this run`;
  const better = metric.toLowerCase().endsWith("loss") ? difference < 0 : difference > 0;
  const side = better ? "ahead" : "behind";
  if (pairs > 1) return `${arm} is ${side} in the mean of ${pairs} pairs`;
  return `${arm} is ${side} in this one pair; a single pair cannot tell it from chance`;
}

/** The part of the larger class: what guessing it always would score. */
export function chanceAccuracy(classes: Report["dataset"]["classes"], split: "train" | "test"): number {
  const counts = Object.values(classes).map((pair) => pair[split === "train" ? 0 : 1]);
  return Math.max(...counts) / counts.reduce((a, b) => a + b, 0);
}
