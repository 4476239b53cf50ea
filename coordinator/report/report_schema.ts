// The schema of report.json: somebody else may have written one, so that nothing of it is believed before it is looked
// at.
import * as v from "valibot";
import { COMPRESSIONS } from "../../shared/half.ts";
import { ARM_NAMES, NO_CHECKS, NO_FAULTS, ROLES } from "../events/mod.ts";
import { METRICS, type Report } from "./report.ts";

const text = v.string();
const figure = v.pipe(v.number(), v.finite());
const maybe = v.nullable(figure);
const flag = v.boolean();
const arm = v.picklist(ARM_NAMES);
const role = v.nullable(v.picklist(ROLES));
const metric = v.picklist(METRICS);
const interval = v.nullable(v.tuple([figure, figure]));

const epoch = v.looseObject({
  epoch: figure,
  loss: figure,
  accuracy: figure,
  testLoss: figure,
  testAccuracy: figure,
  testAuc: v.optional(maybe, null),
  testMeanProbability: v.optional(maybe, null),
  seconds: maybe,
  testSeconds: figure,
  imagesPerSecond: maybe,
  bytesUp: figure,
  bytesDown: figure,
});

/** A training of any version: what the first one has. */
export const trainingEntries = {
  arm,
  seed: figure,
  weightsSha256: text,
  initialWeightsSha256: text,
  trainSeconds: maybe,
  epochs: v.array(epoch),
} as const;

/** A comparison of any version: what the first one has. */
export const comparisonEntries = {
  metric,
  baseline: arm,
  arm,
  pairs: figure,
  meanDifference: maybe,
  ci95: interval,
  verdict: text,
} as const;

const since = v.looseObject({
  key: v.looseObject({
    arm,
    seed: figure,
    learningRate: v.exactOptional(figure),
    role: v.exactOptional(v.picklist(ROLES)),
  }),
  epoch: figure,
  step: figure,
  steps: figure,
});

/** What a report of any version has; what came after the first reports has a value for those. */
export const commonEntries = {
  complete: flag,
  dataset: v.pipe(
    v.looseObject({
      name: text,
      train: figure,
      test: figure,
      limit: maybe,
      classes: v.record(text, v.tuple([figure, figure])),
      classNames: v.exactOptional(v.array(text)),
      sha256: text,
      imageShape: v.tuple([figure, figure, figure]),
      fallback: flag,
      skipped: v.optional(v.object({ count: figure, files: v.array(text) }), { count: 0, files: [] }),
      duplicates: v.exactOptional(v.object({
        across: figure,
        files: v.array(v.object({ train: text, test: text })),
        within: v.object({ train: figure, test: figure }),
      })),
    }),
    // The two classes of older reports stand in the order of their labels.
    v.transform((dataset) => ({ ...dataset, classNames: dataset.classNames ?? Object.keys(dataset.classes) })),
  ),
  model: v.looseObject({ name: text, parameters: figure }),
  engine: v.looseObject({ name: text, fingerprint: text, adapter: text }),
  compress: v.optional(v.picklist(COMPRESSIONS), "none"),
  compressGradients: v.optional(flag, false),
  bitIdentical: flag,
  workers: v.array(v.looseObject({ id: text, engine: text, adapter: text, host: text, imagesPerSecond: figure })),
  faults: v.pipe(
    v.optional(v.record(text, figure), {}),
    v.transform((counts) => ({ ...NO_FAULTS, ...counts })),
  ),
  verification: v.optional(
    v.looseObject({
      share: figure,
      compared: figure,
      impossible: figure,
      differing: figure,
      chanceToBeCaught: v.array(v.looseObject({ falsified: figure, onPurpose: figure, atRandom: figure })),
    }),
    { share: 0, ...NO_CHECKS, chanceToBeCaught: [] },
  ),
  taints: v.optional(v.array(v.looseObject({ worker: text, host: text, since })), []),
} as const;

const pairValues = v.nullable(figure);

/** The schema of today's version. */
export const reportSchema: v.GenericSchema<unknown, Report> = v.looseObject({
  ...commonEntries,
  formatVersion: figure,
  verdict: v.looseObject({
    outcome: v.picklist(["better", "worse", "no evidence", "too few pairs", "withheld", "not compared"]),
    sentence: text,
    rule: text,
    primary: metric,
    confirmatory: flag,
    exploratoryBecause: text,
  }),
  plan: v.looseObject({
    arms: v.array(arm),
    seeds: v.array(figure),
    declaredSeeds: figure,
    epochs: figure,
    declaredEpochs: figure,
    learningRates: v.array(figure),
    control: flag,
    protocol: v.picklist(["fair", "as-published"]),
    optimizer: text,
    momentum: figure,
    nesterov: flag,
    gcScope: v.picklist(["all", "conv"]),
    gcScale: figure,
    initWeights: v.nullable(text),
    batchSize: figure,
    microBatch: figure,
    classWeights: v.optional(v.nullable(v.array(figure)), null),
  }),
  arms: v.array(v.looseObject({
    ...trainingEntries,
    learningRate: figure,
    role,
    bestEpoch: maybe,
    diverged: v.nullable(text),
    confusion: v.optional(v.nullable(v.array(v.array(figure))), null),
  })),
  pairs: v.array(v.looseObject({
    seed: figure,
    learningRate: figure,
    baseline: arm,
    arm,
    role,
    values: v.looseObject({
      testAuc: v.tuple([pairValues, pairValues]),
      testLoss: v.tuple([pairValues, pairValues]),
      testAccuracy: v.tuple([pairValues, pairValues]),
      loss: v.tuple([pairValues, pairValues]),
      accuracy: v.tuple([pairValues, pairValues]),
      seconds: v.tuple([pairValues, pairValues]),
    }),
    diverged: v.nullable(v.picklist(["arm", "baseline", "both"])),
    delong: v.nullable(
      v.looseObject({ difference: figure, standardError: figure, p: figure, ci95: v.tuple([figure, figure]) }),
    ),
  })),
  comparison: v.array(v.looseObject({
    ...comparisonEntries,
    learningRate: figure,
    role,
    kind: v.picklist(["confirmatory", "exploratory", "control", "artefact"]),
    diverged: v.looseObject({ arm: figure, baseline: figure }),
    bca95: interval,
    crossed95: interval,
    effectSize: maybe,
    wins: figure,
    losses: figure,
    ties: figure,
    signP: maybe,
    tP: maybe,
    holmP: maybe,
    leastDetectable: maybe,
    withheld: v.nullable(text),
  })),
  diagnostics: v.nullable(v.looseObject({
    layers: v.array(v.looseObject({
      arm,
      learningRate: figure,
      kernel: text,
      gradientNorm: figure,
      removedShare: figure,
      weightNorm: figure,
      kernelMean: figure,
      updateNorm: figure,
      updateCosine: maybe,
    })),
    centralizeMs: figure,
    updateMs: figure,
  })),
  provenance: v.looseObject({ command: text, herd: text, deno: text }),
});
