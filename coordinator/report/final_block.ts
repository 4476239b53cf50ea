// The result of a run as text, for the end of a run and for the report command.
import { describeDuplicates, describeSkipped } from "../../data/mod.ts";
import { columns, figure } from "../../shared/cli/format.ts";
import { type ArmName, describeFaults } from "../events/mod.ts";
import type { ArmReport, Comparison, Report } from "./report.ts";
import {
  chanceAccuracy,
  describeCompression,
  describeIdentity,
  describeInterval,
  describeMacro,
  describeMetric,
  describeTaints,
  describeTimes,
  describeVerification,
} from "./wording.ts";

const ARM_TITLES: Readonly<Record<ArmName, string>> = {
  "no-gc": "Not using Gradient Centralization",
  gc: "Using Gradient Centralization",
  "gc-update": "Using Gradient Centralization of the update",
};

/**
 * The result: of one pair as the original example prints it, with test figures and chance; of more, a table. Then the
 * differences and the verdict.
 */
export function finalBlock(report: Report): string[] {
  const { dataset, plan, arms, verdict } = report;
  const classes = dataset.classNames.length;
  const lines: string[] = [];
  const tainted = describeTaints(report);
  if (tainted !== "") lines.push("", tainted);
  if (dataset.fallback) lines.push("", "PROCEDURAL DATA: THE REAL IMAGES COULD NOT BE FETCHED");
  if (plan.protocol === "as-published") lines.push("", ARTEFACT);
  if (dataset.skipped.count > 0) lines.push("", describeSkipped(dataset.skipped));
  for (const sentence of describeDuplicates(dataset.duplicates)) lines.push("", sentence);
  lines.push(...arms.length > plan.arms.length ? summary(report) : arms.flatMap((arm) => blockOf(arm, report)));
  for (const { diverged } of arms) if (diverged !== null) lines.push("", `Diverged: ${diverged}.`);
  lines.push(...differences(report), "", `Verdict (${describeMetric(verdict.primary, classes)}): ${verdict.sentence}`);
  const faults = describeFaults(report.faults);
  if (faults !== "") lines.push("", `Faults mended: ${faults}.`);
  const notes = [describeMacro, describeTimes, describeVerification, describeCompression, describeIdentity].map((
    describe,
  ) => describe(report)).filter((line) => line !== "");
  if (notes.length > 0) lines.push("", ...notes);
  if (!report.complete) lines.push("", "This run was broken off.");
  return lines;
}

/** What the protocol of the original does, said wherever its figures are. */
export const ARTEFACT =
  "ARTEFACT of the protocol as published until mid-2025: what is marked so began where the first arm ended.";

function blockOf({ arm, epochs, trainSeconds, weightsSha256, confusion }: ArmReport, { dataset }: Report): string[] {
  const last = epochs.at(-1);
  if (last === undefined) return [];
  const isMacro = dataset.classNames.length > 2;
  const chance = (split: "train" | "test") => `(chance ${chanceAccuracy(dataset.classes, split).toFixed(4)})`;
  return [
    "",
    ARM_TITLES[arm],
    `  Loss: ${last.loss.toFixed(6)}`,
    `  Accuracy: ${last.accuracy.toFixed(6)} ${chance("train")}`,
    `  Training Time: ${trainSeconds === null ? "not known" : `${trainSeconds.toFixed(2)} s`}`,
    `  Test loss: ${last.testLoss.toFixed(6)}`,
    `  Test accuracy: ${last.testAccuracy.toFixed(6)} ${chance("test")}`,
    ...last.testAuc === null
      ? []
      : [`  ${isMacro ? "Macro test" : "Test"} AUC: ${last.testAuc.toFixed(6)} (chance 0.5)`],
    ...isMacro && confusion !== null ? confusionLines(confusion, dataset.classNames).map(indented) : [],
    `  Weights: ${weightsSha256}`,
  ];
}

/** A terminal has room for so many columns. */
const MOST_CLASSES = 12;

/** The confusion matrix, with what its rows and columns are; a pointer to it where there is no room. */
function confusionLines(confusion: readonly (readonly number[])[], names: readonly string[]): string[] {
  if (names.length > MOST_CLASSES) return [`Confusion of ${names.length} classes: see the report's page`];
  const head = ["", ...names.map((name) => `as ${shown(name)}`)];
  const rows = confusion.map((row, label) => [shown(names[label] ?? String(label)), ...row.map(String)]);
  return ["Test images by class, and what they were taken for:", ...columns([head, ...rows]).map(indented)];
}

/** A name that leaves room for others. */
function shown(name: string): string {
  const letters = [...name];
  return letters.length > 16 ? `${letters.slice(0, 15).join("")}…` : name;
}

/** A row for the trainings of an arm at a rate: means of their last epochs over the seeds. */
function summary({ arms, dataset }: Report): string[] {
  const groups = Map.groupBy(arms, ({ arm, learningRate, role }) => [arm, learningRate, role].join(" "));
  const rows = [...groups.values()].map((group) => {
    const { arm, learningRate, role } = group[0]!;
    const most = Math.max(...group.map(({ epochs }) => epochs.length));
    const last = group.filter(({ diverged, epochs }) => diverged === null && epochs.length === most)
      .flatMap(({ epochs }) => epochs.slice(-1));
    const mean = (values: readonly (number | null)[]) =>
      values.length === 0 || values.includes(null)
        ? "–"
        : (values.reduce<number>((a, b) => a + b!, 0) / values.length).toFixed(4);
    return [
      role === null ? arm : `${arm} (${ROLE_TITLES[role]})`,
      String(learningRate),
      `${last.length}${last.length < group.length ? ` of ${group.length}` : ""}`,
      ...(["loss", "accuracy", "testLoss", "testAccuracy", "testAuc"] as const)
        .map((name) => mean(last.map((record) => record[name]))),
      figure(meanSeconds(group.filter(({ diverged }) => diverged === null)), 1),
    ];
  });
  const auc = describeMetric("testAuc", dataset.classNames.length);
  const head = ["arm", "rate", "seeds", "loss", "accuracy", "test loss", "test acc.", auc, "training s"];
  const chance = chanceAccuracy(dataset.classes, "test").toFixed(4);
  return [
    "",
    "Means of the last epoch over the seeds",
    ...columns([head, ...rows]).map(indented),
    `  (chance: test accuracy ${chance})`,
  ];
}

const ROLE_TITLES = { again: "again", lose: "must lose", published: "ARTEFACT, as published" } as const;

function meanSeconds(group: readonly ArmReport[]): number | null {
  const known = group.flatMap(({ trainSeconds }) => trainSeconds === null ? [] : [trainSeconds]);
  return known.length === 0 ? null : known.reduce((a, b) => a + b, 0) / known.length;
}

/** Every comparison by arm and rate, with its interval where there is one. */
function differences({ comparison, dataset }: Report): string[] {
  const groups = Map.groupBy(comparison, titleOf);
  return [...groups].flatMap(([title, entries]) => {
    const rows = entries.map(({ metric, meanDifference, ci95, pairs, wins }) => [
      `${describeMetric(metric, dataset.classNames.length)}:`,
      meanDifference === null ? "withheld" : signed(meanDifference),
      ci95 === null ? "" : describeInterval(ci95, signed),
      pairs > 1 ? `better in ${wins} of ${pairs}` : "",
    ]);
    return ["", title, ...columns(rows).map(indented)];
  });
}

function titleOf({ arm, baseline, learningRate, role, kind }: Comparison): string {
  const what = role === null ? `${arm} − ${baseline}` : `${arm} ${ROLE_TITLES[role]} − ${baseline}`;
  const rate = role === "lose" || learningRate === 0 ? "" : `, rate ${learningRate}`;
  return `Difference (${what}${rate}${kind === "control" ? ", control" : ""})`;
}

function signed(value: number): string {
  return `${value >= 0 ? "+" : ""}${value.toFixed(6)}`;
}

function indented(line: string): string {
  return `  ${line}`;
}
