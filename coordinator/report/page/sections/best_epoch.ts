// The best epoch beside the last one, and why it is not what is compared.
import { markup } from "../../markup.ts";
import { metricNames } from "../../page_wording.ts";
import type { ArmReport, Metric, Report } from "../../report.ts";
import { decimalsOf, mean, median, plain, rate, signed } from "../figures.ts";
import type { Section } from "../section.ts";
import { figures, folded, type Table, tableOf, words } from "../table.ts";
import { valueOf } from "../../pairs.ts";
import { compared, groupsOf } from "../trainings.ts";

/** Null where no best epoch is known, as for seconds. */
export function bestEpochSection(report: Report): Section | null {
  const { primary } = report.verdict;
  const known = compared(report).filter((one) => one.diverged === null && bestValue(one, primary) !== null);
  if (known.length === 0) return null;
  const decimals = decimalsOf(primary);
  const name = metricNames(report)[primary];
  const table: Table = {
    caption: `${name}: last epoch and best epoch, means over seeds`,
    columns: [
      ...words("Arm"),
      ...figures("Rate", "Seeds", "Last epoch", "Best epoch (optimistic)", "Best − last", "Its number (median)"),
    ],
    rows: groupsOf(known).map(({ arm, learningRate, trainings }) => {
      const [last, best] = [
        mean(trainings.map((one) => valueOf(one, primary)!)),
        mean(trainings.map((one) => bestValue(one, primary)!)),
      ];
      const which = median(trainings.map(({ bestEpoch }) => bestEpoch!));
      return [
        arm,
        rate(learningRate),
        String(trainings.length),
        plain(last, decimals),
        plain(best, decimals),
        signed(best - last, decimals),
        String(which),
      ];
    }),
  };
  const each: Table = {
    caption: `${name}: last epoch and best epoch of each training`,
    columns: [...words("Arm"), ...figures("Rate", "Seed", "Last epoch", "Best epoch (optimistic)", "Its number")],
    rows: known.map((one) => [
      one.arm,
      rate(one.learningRate),
      String(one.seed),
      plain(valueOf(one, primary), decimals),
      plain(bestValue(one, primary), decimals),
      String(one.bestEpoch),
    ]),
  };
  return {
    id: "best-epoch",
    title: "Best epoch beside the last",
    content: [
      markup`<p>The best epoch is chosen on the same test images that then judge it, so that it is
<strong>optimistic</strong>, and more so
the more the curve jumps. The comparisons are of the last epoch; this table is for those who know results of
the other kind.</p>`,
      tableOf(table),
      folded("Each training", tableOf(each)),
    ],
  };
}

function bestValue({ epochs, bestEpoch }: ArmReport, metric: Metric): number | null {
  if (metric === "seconds") return null;
  return epochs.find(({ epoch }) => epoch === bestEpoch)?.[metric] ?? null;
}
