// The report of a run, made from what its events add up to. Everything here is pure.
import { byId } from "../../shared/by_id.ts";
import { parameterCount } from "../../shared/model.ts";
import { chanceToBeCaught } from "../cluster/mod.ts";
import {
  bestEpochOf,
  type DatasetFacts,
  inOrder,
  isBitIdentical,
  isSameRun,
  type RunFacts,
  type Snapshot,
  type TrainingRecord,
} from "../events/mod.ts";
import { confusionOf, rateOf } from "../experiment/mod.ts";
import { judgeAll } from "./comparisons.ts";
import { pairReport, pairsOf } from "./pairs.ts";
import { type ArmReport, FORMAT_VERSION, type Plan, type Report } from "./report.ts";

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
  const plan = planOf(run);
  const { primary } = run;
  const { labels } = dataset.test;
  const records = inOrder(snapshot.trainings, run);
  const trained = records.map((record) => ({
    report: armReport(record, records, { run, labels }),
    logits: record.testLogits,
  }));
  const pairs = pairsOf(trained, { arms: run.arms, defaultRate: run.learningRates[0]! });
  const { comparison, verdict } = judgeAll(pairs, {
    plan,
    primary,
    labels,
    classes: dataset.info.classes.length,
    exploratoryBecause: whyExploratory(plan, { complete, isTainted: snapshot.taints.length > 0 }),
  });
  return {
    formatVersion: FORMAT_VERSION,
    complete,
    verdict,
    plan,
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
    arms: trained.map(({ report }) => report),
    pairs: pairs.map((pair) => pairReport(pair, labels)),
    comparison,
    diagnostics: snapshot.diagnostics,
    provenance: { command: run.command, herd: run.herd, deno: run.deno },
  };
}

function planOf(run: RunFacts): Plan {
  const { arms, seeds, declared, epochs, learningRates, control, protocol } = run;
  const { optimizer, momentum, nesterov, gcScope, gcScale, initWeights, batchSize, microBatch, classWeights } = run;
  const { seeds: declaredSeeds, epochs: declaredEpochs } = declared;
  const varied = { arms, seeds, declaredSeeds, epochs, declaredEpochs, learningRates, control, protocol };
  return {
    ...varied,
    optimizer,
    momentum,
    nesterov,
    gcScope,
    gcScale,
    initWeights,
    batchSize,
    microBatch,
    classWeights,
  };
}

/** Why what was found does not confirm what was declared, in a few words; "" if it may. */
function whyExploratory(
  { seeds, declaredSeeds, epochs, declaredEpochs }: Plan,
  { complete, isTainted }: { readonly complete: boolean; readonly isTainted: boolean },
): string {
  if (isTainted) return "tainted";
  if (seeds.length > declaredSeeds || epochs > declaredEpochs) return "extended after looking";
  return complete ? "" : "broken off";
}

/** Shares of its answers that a worker may falsify, for which the risk is told. */
const FALSIFIED = [0.01, 0.1, 1];

function verificationOf({ run, checks }: Snapshot): Report["verification"] {
  const { verify: share = 0, steps = 0 } = run ?? {};
  const chances = FALSIFIED.map((falsified) => ({ falsified, ...chanceToBeCaught(falsified, share, steps) }));
  return { share, ...checks, chanceToBeCaught: share === 0 ? [] : chances };
}

function armReport(
  { key, key: { arm, seed, role }, weightsSha256, epochs, testLogits, diverged }: TrainingRecord,
  all: readonly TrainingRecord[],
  { run: { arms, initialWeightsSha256, learningRates, primary }, labels }: {
    readonly run: RunFacts;
    readonly labels: readonly number[];
  },
): ArmReport {
  const trainSeconds = epochs.reduce<number | null>(
    (sum, { seconds }) => sum === null || seconds === null ? null : sum + seconds,
    0,
  );
  const before = all.find((one) => isSameRun(one.key, { arm: arms[0]!, seed }));
  const initial = role === "published" ? before?.weightsSha256 : initialWeightsSha256[seed];
  return {
    arm,
    seed,
    learningRate: rateOf(key, { learningRate: learningRates[0]! }),
    role: role ?? null,
    initialWeightsSha256: initial ?? "",
    weightsSha256,
    trainSeconds,
    epochs,
    bestEpoch: bestEpochOf(epochs, primary),
    diverged,
    confusion: testLogits.length === 0 ? null : confusionOf(Float32Array.from(testLogits), labels),
  };
}

/** Counts are of the images that the run used. */
function datasetReport({ info, limit, fallback, used }: DatasetFacts): Report["dataset"] {
  const { imageSize, channels, name, sha256, skipped, duplicates } = info;
  const count = (split: 0 | 1) => Object.values(used).reduce((sum, counts) => sum + counts[split], 0);
  const imageShape = [imageSize, imageSize, channels] as const;
  const images = { train: count(0), test: count(1), limit, classes: used, classNames: info.classes };
  return { name, ...images, sha256, imageShape, fallback, skipped, ...duplicates && { duplicates } };
}
