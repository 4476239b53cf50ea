// A model that a run has left, with all that computing with it needs: which training, its weights, its network, its classes.
import { join } from "node:path";
import * as v from "valibot";
import { canonicalJson } from "../../shared/config.ts";
import { HerdError, messageOf } from "../../shared/errors.ts";
import { descriptionOf, leastImageSize, modelOf } from "../../shared/model.ts";
import { type ArmName, isHigherBetter, PRIMARY_METRICS, type PrimaryMetric, runName } from "../events/mod.ts";
import { type NumericConfig, weightsHash } from "../experiment/mod.ts";
import { type ArmReport, describeMetric, parseReport } from "../report/mod.ts";
import {
  newestRun,
  NumericConfigSchema,
  readBoundedText,
  readModelWeights,
  readReportText,
  refuseLinks,
} from "../storage/mod.ts";

/** Which model is meant. */
export interface ModelChoice {
  /** The folder of a run; undefined for the newest one in runs/. */
  readonly run: string | undefined;
  /** Only trainings of this arm; undefined for any. */
  readonly arm: ArmName | undefined;
  /** Only trainings with this seed; undefined for any. */
  readonly seed: number | undefined;
}

/** A trained network. */
export interface SavedModel {
  /** The folder of its run. */
  readonly folder: string;
  /** Which training it is of, as models/ calls it. */
  readonly name: string;
  /** Flat float32. */
  readonly weights: Float32Array;
  /** What it was trained with: the network, the data set's hash, how its tests were cut. */
  readonly numeric: NumericConfig;
  /** The names of the classes by label. */
  readonly classes: readonly string[];
  /** What the run was told of its data. */
  readonly told: {
    readonly data: string;
    readonly validationSplit: number | undefined;
    readonly skipUnreadable: boolean;
  };
  /** Why this one, for people: "best test AUC of 4 trainings, 0.9812". */
  readonly because: string;
}

const schema = v.object({
  told: v.pipe(
    v.looseObject({
      data: v.string(),
      validationSplit: v.nullish(v.number()),
      skipUnreadable: v.optional(v.boolean(), false),
    }),
    v.transform((told) => ({ ...told, validationSplit: told.validationSplit ?? undefined })),
  ),
  numeric: NumericConfigSchema,
  dataset: v.looseObject({ classes: v.pipe(v.array(v.string()), v.minLength(2)) }),
});

/**
 * Reads a model: of the trainings that the choice leaves, and that are compared with each other, the one that is best by the
 * run's primary metric after its last epoch.
 * @throws {HerdError} usage, if no finished training is left, or there is no run; data, if a file of it is missing or damaged,
 * or of a version of Herd that did not keep what is needed
 */
export async function readSavedModel({ run, arm, seed }: ModelChoice): Promise<SavedModel> {
  const folder = run ?? await newestRun("runs");
  await refuseLinks(folder);
  const { told, numeric, dataset: { classes } } = await readConfig(folder);
  const report = parseReport(await readReportText(folder), join(folder, "report.json"));
  const primary = PRIMARY_METRICS.find((metric) => metric === report.verdict.primary) ?? PRIMARY_METRICS[0];
  const trained = report.arms.filter(({ role, diverged, epochs }) =>
    role === null && diverged === null && epochs.length > 0
  );
  const candidates = trained.filter((one) => (arm ?? one.arm) === one.arm && (seed ?? one.seed) === one.seed);
  const best = bestOf(candidates, primary);
  if (best === undefined) {
    const there = trained.map((one) => `--arm ${one.arm} --seed ${one.seed}`).slice(0, 8).join(", ");
    const asked = [arm === undefined ? [] : `--arm ${arm}`, seed === undefined ? [] : `--seed ${seed}`].flat().join(
      " ",
    );
    const what = `${folder} has no training${asked === "" ? "" : ` of ${asked}`} that has finished an epoch`;
    throw new HerdError("usage", `${what}: ${there === "" ? "give the --run of another" : `there are ${there}`}`);
  }
  const name = nameOf(best, numeric);
  const path = join(folder, "models", name, "weights.safetensors");
  const remedy = "restore it, or give the --run of another";
  const weights = await readModelWeights(path, numeric.compute.model, { what: path, remedy });
  if (await weightsHash(weights) !== best.weightsSha256) {
    throw new HerdError("data", `${path} does not have the weights that report.json is about: ${remedy}`);
  }
  const metric = describeMetric(primary, classes.length);
  const value = best.epochs.at(-1)![primary]?.toFixed(4) ?? "not known";
  const { length } = candidates;
  const because = length === 1 ? `${metric} ${value}` : `best ${metric} of ${length} trainings, ${value}`;
  return { folder, name, weights, numeric, classes, told, because };
}

/** The first of those with the best value; any other is better than one whose value is not known. */
function bestOf(trained: readonly ArmReport[], metric: PrimaryMetric): ArmReport | undefined {
  const sign = isHigherBetter(metric) ? 1 : -1;
  const rank = ({ epochs }: ArmReport) => {
    const value = epochs.at(-1)![metric];
    return value === null ? -Infinity : sign * value;
  };
  let best: ArmReport | undefined;
  for (const one of trained) if (best === undefined || rank(one) > rank(best)) best = one;
  return best;
}

/** Older reports do not know the rate of a training: there is one rate then. */
function nameOf({ arm, seed, learningRate }: ArmReport, numeric: NumericConfig): string {
  const isDefault = learningRate === numeric.learningRate || learningRate === 0;
  return runName({ arm, seed, ...(isDefault ? {} : { learningRate }) });
}

async function readConfig(folder: string): Promise<v.InferOutput<typeof schema>> {
  const path = join(folder, "config.json");
  let text: string;
  try {
    text = await readBoundedText(path, "a config");
  } catch (cause) {
    throw new HerdError(
      "data",
      `${folder} holds no run that can be read (${messageOf(cause)}): give the --run of one`,
      {
        cause,
      },
    );
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new HerdError("data", `${path} is damaged (${messageOf(cause)}): restore it`, { cause });
  }
  const result = v.safeParse(schema, json);
  if (result.success) {
    refuseOtherNetwork(path, result.output);
    return result.output;
  }
  const [issue] = result.issues;
  const what = `${path} does not say what computing with a model needs (${v.getDotPath(issue) ?? "all of it"})`;
  throw new HerdError("data", `${what}: use the version of Herd that wrote it, or train again with this one`);
}

/**
 * A run of Herd has a network of the family, for the classes of its data. What somebody has written there otherwise would lead
 * answers to wrong names.
 */
function refuseOtherNetwork(path: string, { numeric, dataset: { classes } }: v.InferOutput<typeof schema>): void {
  const { model: spec, microBatch } = numeric.compute;
  const description = descriptionOf(spec);
  const isOwn = canonicalJson(modelOf(description, spec.imageSize, classes.length)) === canonicalJson(spec);
  if (isOwn && spec.imageSize >= leastImageSize(description.blocks.length) && microBatch > 0) return;
  const what = `${path} does not describe a network of Herd's for the ${classes.length} classes that it names`;
  throw new HerdError("data", `${what}: restore it, or give the --run of another`);
}
