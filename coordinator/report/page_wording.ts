// What only the page says in sentences.
import { ARM_NAMES, type Role } from "../events/mod.ts";
import { count, listed, rate } from "./page/figures.ts";
import type { EpochMetric } from "./page/trainings.ts";
import type { Comparison, Metric, Report } from "./report.ts";
import { describeMetric } from "./wording.ts";

/** The metrics' names in a text. */
export type MetricNames = Readonly<Record<Metric | EpochMetric, string>>;

/** The names in the report of so many classes. */
export function metricNames({ dataset: { classNames: { length } } }: Pick<Report, "dataset">): MetricNames {
  return {
    testAuc: describeMetric("testAuc", length),
    testMeanProbability: "mean probability",
    testLoss: describeMetric("testLoss", length),
    testAccuracy: describeMetric("testAccuracy", length),
    loss: describeMetric("loss", length),
    accuracy: describeMetric("accuracy", length),
    seconds: `${describeMetric("seconds", length)} (s)`,
  };
}

/** The first letter as a capital one. */
export function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** A sentence with a capital and a full stop; the name of an arm at its beginning stays as it is. */
export function sentenceOf(text: string): string {
  const begun = ARM_NAMES.some((arm) => text.startsWith(`${arm} `)) ? text : capital(text);
  return /[.!?]$/.test(begun) ? begun : `${begun}.`;
}

/** What a training that is not compared itself is for. */
export const ROLE_NAMES: Readonly<Record<Role, string>> = {
  again: "another random stream",
  lose: "learns nothing",
  published: "as published",
};

/** "gc − no-gc at 1e-4", "no-gc, another random stream − no-gc at 1e-4" */
export function contrastOf({ arm, baseline, learningRate, role }: Comparison | Report["pairs"][number]): string {
  const what = role === null ? arm : `${arm}, ${ROLE_NAMES[role]}`;
  return `${what} − ${baseline}${learningRate > 0 ? ` at ${rate(learningRate)}` : ""}`;
}

/** What every picture of such a run must have on it; "" for an ordinary one. */
export function labelOf({ dataset, plan }: Report): string {
  const artefact = plan.protocol === "as-published" ? ["ARTEFACT, as published until mid-2025"] : [];
  if (!dataset.fallback) return artefact.join("");
  return ["PROCEDURAL DATA", ...artefact.map(() => "ARTEFACT, as published")].join(" · ");
}

/** Of trainings by the protocol that the example was published with; "" if there are none. */
export function artefactMark({ plan, arms }: Report): string {
  const protocol =
    "the protocol of the example as published until mid-2025, in which the second arm goes on from the weights that " +
    "the first one ended with";
  if (plan.protocol === "as-published") {
    return `ARTEFACT: this run has trainings by ${protocol}. ` +
      `Beside the fair training of the same arm they show that head start.`;
  }
  if (arms.every(({ role }) => role !== "published")) return "";
  return `ARTEFACT: one section shows trainings by ${protocol}. They are in no comparison.`;
}

/** Of a report from before some of this was recorded; "" for one of now. */
export function olderFormat({ formatVersion }: Report): string {
  if (formatVersion >= 2) return "";
  return `This report is of format version ${formatVersion}: learning rates, AUC, tests and the command ` +
    "were not recorded, and no rule stood before the run.";
}

/** What was done, in a few sentences: data, network, size, workers. */
export function settingOf({ complete, dataset, model, plan, engine, workers, arms }: Report): string {
  const { train, test, imageShape, limit, name, classNames } = dataset;
  const classes = classNames.length > 2 ? ` in ${classNames.length} classes` : "";
  const declared = plan.declaredSeeds === plan.seeds.length ? "" : ` (${plan.declaredSeeds} declared at the beginning)`;
  const longer = plan.declaredEpochs === plan.epochs ? "" : ` (${plan.declaredEpochs} declared)`;
  const rates = plan.learningRates.filter((one) => one > 0);
  const size = [
    `${count(plan.seeds.length, "seed")}${declared}`,
    `${count(plan.arms.length, "arm")} (${listed(plan.arms)})`,
    ...rates.length === 0
      ? []
      : [rates.length === 1 ? `rate ${rate(rates[0]!)}` : `${rates.length} rates (${listed(rates.map(rate))})`],
    `${count(plan.epochs, "epoch")}${longer}`,
  ];
  return [
    `${name}: ${count(train, "training image")} and ${count(test, "test image")} of ${imageShape.join("×")}${classes}${
      limit === null ? "" : `, limited to ${limit}`
    }.`,
    `${model.name} with ${count(model.parameters, "parameter")}.`,
    `${size.join(" × ")}: ${count(arms.length, "training")}${plan.control ? " with the controls" : ""}${
      complete ? "" : " so far"
    }.`,
    `${count(workers.length, "worker")} with ${engine.name}${engine.adapter === "" ? "" : ` on ${engine.adapter}`}.`,
  ].join(" ");
}

/** What this run cannot speak of, as a list. */
export function notTested(report: Report): string[] {
  const { dataset, model, engine, plan } = report;
  const rates = plan.learningRates.filter((one) => one > 0).map(rate);
  return [
    `Other data: this is one set, ${dataset.name}, with ${count(dataset.test, "test image")}.`,
    `Other networks: this is one, ${model.name}, with ${
      count(model.parameters, "parameter")
    }; it has no batch normalization, with which gradient centralization was published.`,
    plan.optimizer === ""
      ? "Other optimizers and settings than those of this run, which are not recorded."
      : `Other optimizers and settings than ${plan.optimizer} with batches of ${plan.batchSize}${
        rates.length === 0 ? "" : ` at ${listed(rates)}`
      } for ${count(plan.epochs, "epoch")}; no schedule of the rate, no weight decay.`,
    `Other engines: this one is ${engine.name}, in single precision.`,
    "A third split: the test images were looked at after every epoch, so that whatever is " +
    "chosen by them is optimistic.",
    ...plan.initWeights === null ? [] : [
      "Other initial weights: all seeds began with those of one file, so that only order, " +
      "augmentation and dropout vary.",
    ],
    ...rates.length !== 1
      ? []
      : [`Other rates: each arm may be best at one of its own, and only ${rates[0]} was tried.`],
  ];
}
