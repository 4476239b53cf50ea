// Several runs beside each other, for `report DIR…`: only what may be compared, and what they differ in told.
import { HerdError } from "../../shared/errors.ts";
import { columns } from "../../shared/cli/format.ts";
import { runName } from "../events/mod.ts";
import { between, count, decimalsOf, listed, rate, signed } from "./page/figures.ts";
import { metricNames } from "./page_wording.ts";
import type { ArmReport, Comparison, Report } from "./report.ts";

/** A run's report, and what the run is called. */
export interface NamedReport {
  /** As people know it: its folder. */
  readonly name: string;
  /** What it found. */
  readonly report: Report;
}

/** What must be the same for figures to be comparable: its name for people, and what it is in a report. */
const SAME: readonly (readonly [string, (report: Report) => string])[] = [
  ["data", ({ dataset }) => `${dataset.name}, SHA-256 ${dataset.sha256}`],
  ["--limit", ({ dataset }) => String(dataset.limit ?? "none")],
  ["image size", ({ dataset }) => dataset.imageShape.join("×")],
  ["model", ({ model }) => `${model.name}, ${count(model.parameters, "parameter")}`],
  ["number of epochs", ({ plan }) => String(plan.epochs)],
  ["primary metric", (report) => metricNames(report)[report.verdict.primary]],
];

/** What may differ, and is told: it is often what is asked about. */
const TOLD: readonly (readonly [string, (report: Report) => string])[] = [
  ["learning rates", ({ plan }) => plan.learningRates.map(rate).join(", ")],
  ["optimizer", ({ plan }) => plan.optimizer === "" ? "not recorded" : plan.optimizer],
  ["momentum", ({ plan }) => `${plan.momentum}${plan.nesterov ? " (Nesterov)" : ""}`],
  ["--gc-scope", ({ plan }) => plan.gcScope],
  ["--gc-scale", ({ plan }) => String(plan.gcScale)],
  ["batch size", ({ plan }) => plan.batchSize === 0 ? "not recorded" : String(plan.batchSize)],
  ["micro-batch", ({ plan }) => plan.microBatch === 0 ? "not recorded" : String(plan.microBatch)],
  [
    "initial weights",
    ({ plan }) => plan.initWeights === null ? "of each seed" : `file ${plan.initWeights.slice(0, 12)}…`,
  ],
  ["class weights", ({ plan }) => plan.classWeights === null ? "none" : plan.classWeights.join(", ")],
  ["protocol", ({ plan }) => plan.protocol],
  ["engine", ({ engine }) => engine.name],
  ["compression", ({ compress, compressGradients }) => `${compress}${compressGradients ? ", gradients too" : ""}`],
  ["Herd", ({ provenance }) => provenance.herd === "" ? "not recorded" : provenance.herd],
];

/**
 * The lines of a table with a row a run and comparison, and sentences on what the runs differ in and which have the
 * same weights.
 * @param runs at least two
 * @throws {HerdError} usage, naming the first thing in which runs differ that makes their figures incomparable
 */
export function compareReports(runs: readonly NamedReport[]): string[] {
  refuseIncomparable(runs);
  const { verdict, dataset } = runs[0]!.report;
  const differences = TOLD.flatMap(([name, of]) => {
    const values = runs.map(({ report }) => of(report));
    return new Set(values).size === 1 ? [] : [`The runs differ in ${name}: ${values.join("; ")}.`];
  });
  return [
    `${metricNames(runs[0]!.report)[verdict.primary]} of the last epoch, ${dataset.name} (SHA-256 ${
      short(dataset.sha256)
    })`,
    "",
    ...columns([
      ["run", "arms", "mean difference", "95 % interval", "pairs", "data", "verdict"],
      ...runs.flatMap(rowsOf),
    ]),
    "",
    ...differences.length > 0 ? differences : ["The runs have the same settings."],
    ...repetitions(runs),
  ];
}

function refuseIncomparable(runs: readonly NamedReport[]): void {
  const first = runs[0]!;
  for (const [name, of] of SAME) {
    const other = runs.find(({ report }) => of(report) !== of(first.report));
    if (other === undefined) continue;
    const values = `${first.name} has ${of(first.report)}, ${other.name} has ${of(other.report)}`;
    throw new HerdError(
      "usage",
      `Runs with another ${name} cannot be compared: ${values}; give runs that have the same`,
    );
  }
}

/** A row for each comparison by the primary metric; one without any if there are none. */
function rowsOf({ name, report }: NamedReport): string[][] {
  const { comparison, verdict, dataset, complete, taints, plan } = report;
  const marks = [
    ...taints.length > 0 ? ["TAINTED"] : [],
    ...dataset.fallback ? ["PROCEDURAL DATA"] : [],
    ...plan.protocol === "as-published" ? ["ARTEFACT: as published"] : [],
    ...complete ? [] : ["broken off"],
  ];
  const named = marks.length === 0 ? name : `${name} (${marks.join(", ")})`;
  const hash = short(dataset.sha256);
  const shown = comparison.filter(({ metric, role }) => metric === verdict.primary && role === null);
  if (shown.length === 0) return [[named, listed(plan.arms), "–", "–", "0", hash, verdict.sentence]];
  return shown.map((one, i) => [
    i === 0 ? named : "",
    `${one.arm} − ${one.baseline} at ${rate(one.learningRate)}`,
    ...figuresOf(one),
    String(one.pairs),
    hash,
    one.kind === "confirmatory" ? verdict.sentence : one.verdict,
  ]);
}

function figuresOf({ metric, meanDifference, ci95 }: Comparison): [string, string] {
  const decimals = decimalsOf(metric);
  return [meanDifference === null ? "withheld" : signed(meanDifference, decimals), between(ci95, decimals)];
}

/** Which runs have the same trainings, and whether these ended with the same weights. */
function repetitions(runs: readonly NamedReport[]): string[] {
  return runs.flatMap((a, i) =>
    runs.slice(i + 1).flatMap((b) => {
      const others = new Map(b.report.arms.map((one) => [nameOf(one), one]));
      const common = a.report.arms.flatMap((one) => {
        const other = others.get(nameOf(one));
        return other === undefined || other.epochs.length !== one.epochs.length || one.epochs.length === 0
          ? []
          : [[one, other] as const];
      });
      const same = common.filter(([one, other]) => one.weightsSha256 === other.weightsSha256).length;
      const both = `${a.name} and ${b.name}`;
      if (common.length === 0) return [`${both} have no training in common.`];
      if (same === 0) return [`${both} have ${count(common.length, "training")} in common, all with other weights.`];
      const isAll = same === common.length && same === a.report.arms.length && same === b.report.arms.length;
      return [
        isAll
          ? `${both} are repetitions: all ${
            count(same, "training")
          } ended with the same weights, bit for bit, and are no further evidence.`
          : `${both} have ${
            count(common.length, "training")
          } in common, ${same} of them with the same weights, bit for bit.`,
      ];
    })
  );
}

function nameOf({ arm, seed, learningRate, role }: ArmReport): string {
  return runName({ arm, seed, learningRate, ...role === null ? {} : { role } });
}

function short(sha256: string): string {
  return sha256 === "" ? "–" : `${sha256.slice(0, 12)}…`;
}
