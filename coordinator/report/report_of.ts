// The report of a run, made from what its events add up to. Everything here is pure.
import { byId } from "../../shared/by_id.ts";
import { parameterCount } from "../../shared/model.ts";
import { chanceToBeCaught } from "../cluster/mod.ts";
import {
  type ArmName,
  type DatasetFacts,
  inOrder,
  isBitIdentical,
  type RunFacts,
  type Snapshot,
  type TrainingRecord,
} from "../events/mod.ts";
import type { ArmReport, Comparison, Report } from "./report.ts";

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
