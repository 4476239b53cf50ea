// Time and cost: how long it took, what travelled, who computed, and what went wrong.
import { formatBytes, formatSeconds } from "../../../../shared/cli/format.ts";
import { describeFaults } from "../../../events/mod.ts";
import { markup } from "../../markup.ts";
import { contrastOf, ROLE_NAMES } from "../../page_wording.ts";
import type { ArmReport, Report } from "../../report.ts";
import { describeTimes, describeVerification } from "../../wording.ts";
import { between, count, mean, plain, rate, signed, UNKNOWN } from "../figures.ts";
import type { Section } from "../section.ts";
import { figures, folded, type Table, tableOf, words } from "../table.ts";
import { defaultRate, groupsOf } from "../trainings.ts";

/** A row an arm and rate, the workers, and the sentences of what was mended and verified. */
export function costSection(report: Report): Section {
  const { arms, workers, faults, comparison } = report;
  const epochs = arms.flatMap((one) => one.epochs);
  const seconds = epochs.reduce((sum, one) => sum + (one.seconds ?? 0) + one.testSeconds, 0);
  const times = comparison.filter(({ metric, role, meanDifference, learningRate }) =>
    metric === "seconds" && role === null && meanDifference !== null && learningRate === defaultRate(report)
  );
  const said = times.map((one) =>
    `${contrastOf(one)}: ${signed(one.meanDifference, 1)} s a training${
      one.ci95 === null ? "" : ` (95 % interval ${between(one.ci95, 1)} s)`
    }`
  );
  const lines = [
    `${count(arms.length, "training")} with ${count(epochs.length, "epoch")} took ${
      formatSeconds(seconds)
    } of training and test.`,
    ...said.length === 0
      ? []
      : [`Training time, ${said.join("; ")}. Arms take turns on the same machines, whose speed drifts.`],
    describeTimes(report),
    `Faults mended: ${describeFaults(faults) || "none"}.`,
    describeVerification(report),
  ].filter((line) => line !== "");
  return {
    id: "cost",
    title: "Time and cost",
    content: [
      ...lines.map((line) =>
        markup`<p>${line}</p>
`
      ),
      tableOf(costTable(arms)),
      folded(`The ${count(workers.length, "worker")}`, tableOf(workerTable(workers)), { isPrinted: true }),
    ],
  };
}

function costTable(arms: readonly ArmReport[]): Table {
  const roles = Map.groupBy(arms.filter(({ epochs }) => epochs.length > 0), ({ role }) => role);
  return {
    caption: "An epoch costs, in the mean",
    columns: [
      ...words("Arm"),
      ...figures("Rate", "Epochs", "Training s", "Test s", "Images/s", "To workers", "From workers"),
    ],
    rows: [...roles].flatMap(([role, trainings]) =>
      groupsOf(trainings).map(({ arm, learningRate, trainings }) => {
        const epochs = trainings.flatMap((one) => one.epochs);
        const known = (values: readonly (number | null)[]) => values.filter((value) => value !== null);
        const meanOf = (values: readonly number[]) => values.length === 0 ? null : mean(values);
        return [
          role === null ? arm : `${arm} (${ROLE_NAMES[role]})`,
          role === "lose" ? "0" : rate(learningRate),
          String(epochs.length),
          plain(meanOf(known(epochs.map(({ seconds }) => seconds))), 2),
          plain(mean(epochs.map(({ testSeconds }) => testSeconds)), 2),
          plain(meanOf(known(epochs.map(({ imagesPerSecond }) => imagesPerSecond))), 1),
          formatBytes(mean(epochs.map(({ bytesDown }) => bytesDown))),
          formatBytes(mean(epochs.map(({ bytesUp }) => bytesUp))),
        ];
      })
    ),
  };
}

function workerTable(workers: Report["workers"]): Table {
  return {
    caption: "All that could compute at some time",
    columns: [...words("Worker", "Host", "Engine", "Device"), ...figures("Images/s")],
    rows: workers.map(({ id, host, engine, adapter, imagesPerSecond }) => [
      id,
      host === "" ? "this machine" : host,
      engine,
      adapter,
      imagesPerSecond === 0 ? UNKNOWN : plain(imagesPerSecond, 1),
    ]),
  };
}
