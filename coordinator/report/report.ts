// report.json: what a run found, as data. The schema is part of Herd's contract; parse_report.ts reads older ones too.
import type { Duplicates, Skipped } from "../../data/mod.ts";
import type { ChanceToBeCaught } from "../cluster/mod.ts";
import type { Compression } from "../../shared/half.ts";
import type { Interval } from "../statistics/mod.ts";
import {
  type ArmName,
  type CheckCounts,
  type DiagnosticsSummary,
  type EpochRecord,
  type FaultCounts,
  PRIMARY_METRICS,
  type PrimaryMetric,
  type Role,
  type RunPlan,
  type Taint,
  type TrainingFacts,
} from "../events/mod.ts";

/** The version of what is described here. Reports without one are of version 1. */
export const FORMAT_VERSION = 2;

/** What is compared of a training: a figure of its last epoch, or the seconds of all. */
export type Metric = PrimaryMetric | "seconds";
/** All of them. */
export const METRICS: readonly Metric[] = [...PRIMARY_METRICS, "seconds"];

/** A 95 % interval. */
export type { Interval };

/** One training: an arm with a seed and a rate. */
export interface ArmReport {
  /** Which optimizer it trained with. */
  readonly arm: ArmName;
  /** Of its weights, order, augmentation and dropout. */
  readonly seed: number;
  /** What its updates were multiplied by. */
  readonly learningRate: number;
  /** What it is for, where it is not compared itself; else null. */
  readonly role: Role | null;
  /** SHA-256 over the flat float32 weights: equal in two runs whose results are the same bits. */
  readonly weightsSha256: string;
  /** SHA-256 over the flat float32 weights that it began with; equal for all arms of a seed. */
  readonly initialWeightsSha256: string;
  /** Seconds of the training parts of all epochs; null if those of one are not known. */
  readonly trainSeconds: number | null;
  /** In order, the first one first. */
  readonly epochs: readonly EpochRecord[];
  /** The epoch that is best by the primary metric. Chosen on the test images, so it is optimistic; null before the first one. */
  readonly bestEpoch: number | null;
  /** Why it ended before its last epoch, in a sentence; null if it did not. */
  readonly diverged: string | null;
  /** Test images of the last epoch: a row a class, in it a count for each predicted class. Null before it, and if not recorded. */
  readonly confusion: readonly (readonly number[])[] | null;
}

/** What pairs of trainings, which differ in the arm alone, say of one metric. Differences are arm minus baseline. */
export interface Comparison {
  /** What is compared. */
  readonly metric: Metric;
  /** The arm that the others are compared with. */
  readonly baseline: ArmName;
  /** The arm that is compared. */
  readonly arm: ArmName;
  /** Of both. */
  readonly learningRate: number;
  /** What a control is for; null for a comparison. */
  readonly role: Role | null;
  /** The one that was fixed before; one of the others; a control of the instrument; or what the published protocol shows. */
  readonly kind: "confirmatory" | "exploratory" | "control" | "artefact";
  /** Pairs of trainings that have come equally far, or of which one diverged. */
  readonly pairs: number;
  /** Pairs of which the arm diverged, and of which the baseline did. */
  readonly diverged: { readonly arm: number; readonly baseline: number };
  /** Mean over pairs; null where it is withheld. */
  readonly meanDifference: number | null;
  /** Student's t interval of the mean; null for fewer than two pairs, or where it is withheld. */
  readonly ci95: Interval | null;
  /** Bias-corrected and accelerated bootstrap, from ten pairs on. */
  readonly bca95: Interval | null;
  /** Bootstrap crossed over seeds and test images: of the error of the test set too. Of test metrics only. */
  readonly crossed95: Interval | null;
  /** Mean by standard deviation of the differences (Cohen's d_z). */
  readonly effectSize: number | null;
  /** Pairs in which the arm was better; a training that diverged has lost. */
  readonly wins: number;
  /** Pairs in which it was worse. */
  readonly losses: number;
  /** Pairs in which both were equal, or both diverged. */
  readonly ties: number;
  /** Exact two-sided sign test. */
  readonly signP: number | null;
  /** Paired t test, two-sided. */
  readonly tP: number | null;
  /** The t test's p after Holm's correction over all exploratory ones; of an exploratory one only. */
  readonly holmP: number | null;
  /** The mean difference that so many pairs with this spread would find with 80 % power at 5 %. */
  readonly leastDetectable: number | null;
  /** Why mean and intervals are not told, in a sentence; null if they are. */
  readonly withheld: string | null;
  /** What this allows to say, in a sentence. */
  readonly verdict: string;
}

/** One pair of trainings, at one rate. */
export interface PairReport {
  /** Of both. */
  readonly seed: number;
  /** Of the arm; a control that learns nothing has 0. */
  readonly learningRate: number;
  /** The arm that the others are compared with. */
  readonly baseline: ArmName;
  /** The arm that is compared. */
  readonly arm: ArmName;
  /** What a control is for; null for a comparison. */
  readonly role: Role | null;
  /** By metric, of the last epoch of both: baseline, arm. Null where it is not known, and of one that diverged. */
  readonly values: Readonly<Record<Metric, readonly [baseline: number | null, arm: number | null]>>;
  /** Which training diverged, if one did. */
  readonly diverged: "arm" | "baseline" | "both" | null;
  /** DeLong's test of the two areas under the curve on the same test images; null where there are none. */
  readonly delong: {
    readonly difference: number;
    readonly standardError: number;
    readonly p: number;
    readonly ci95: Interval;
  } | null;
}

/** What the experiment says, first of all. */
export interface Verdict {
  /** What the rule says of the comparison that was fixed before. */
  readonly outcome: "better" | "worse" | "no evidence" | "too few pairs" | "withheld" | "not compared";
  /** One sentence. */
  readonly sentence: string;
  /** The rule, which stood before the run. */
  readonly rule: string;
  /** By which everything is judged. */
  readonly primary: Metric;
  /** Whether it is of the comparison that was fixed before, in a run that did what was declared. */
  readonly confirmatory: boolean;
  /** Why not, in a few words; "" if it is. */
  readonly exploratoryBecause: string;
}

/** What was declared before the first step, and what became of it. */
export interface Plan extends RunPlan, TrainingFacts {
  /** Of each training. */
  readonly epochs: number;
  /** How many seeds were declared when the run began. */
  readonly declaredSeeds: number;
  /** How many epochs were. */
  readonly declaredEpochs: number;
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
  /** Of what is described here. */
  readonly formatVersion: number;
  /** Whether the run has done all that it was to do. */
  readonly complete: boolean;
  /** What the run says. */
  readonly verdict: Verdict;
  /** What it was to do. */
  readonly plan: Plan;
  /** What was trained and tested on; counts are of the images that were used. */
  readonly dataset: {
    readonly name: string;
    readonly train: number;
    readonly test: number;
    readonly limit: number | null;
    /** Images by class name: training, test. */
    readonly classes: Readonly<Record<string, readonly [number, number]>>;
    /** By label: names such as "10" come first in an object, wherever they belong. */
    readonly classNames: readonly string[];
    readonly sha256: string;
    readonly imageShape: readonly [number, number, number];
    /** Whether the procedural set stands in for the real one, which could not be fetched. */
    readonly fallback: boolean;
    /** The image files that --skip-unreadable has left out. */
    readonly skipped: Skipped;
    /** Images that are there more than once, in all of the data set; absent, if that was not looked at. */
    readonly duplicates?: Duplicates;
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
  /** A training each: seed after seed, the rates as they were named and within them the arms, then the controls. */
  readonly arms: readonly ArmReport[];
  /** The pairs that the comparisons are made of. */
  readonly pairs: readonly PairReport[];
  /** A metric, an arm and a rate each; the confirmatory one first. */
  readonly comparison: readonly Comparison[];
  /** What --diagnostics saw; null without it. */
  readonly diagnostics: DiagnosticsSummary | null;
  /** How it came about. */
  readonly provenance: {
    /** The command that repeats it. */
    readonly command: string;
    readonly herd: string;
    readonly deno: string;
  };
}
