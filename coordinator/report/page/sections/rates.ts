// Whether an arm is better depends on the learning rate: each arm at each.
import { markup } from "../../markup.ts";
import { metricNames } from "../../page_wording.ts";
import type { Report } from "../../report.ts";
import { atRates, rateChart } from "../charts/rates.ts";
import { figureWithTable } from "../figure.ts";
import { between, decimalsOf, plain, rate } from "../figures.ts";
import type { Section } from "../section.ts";
import { figures, type Table, words } from "../table.ts";
import { compared, defaultRate, groupsOf, ratesOf } from "../trainings.ts";

/** Null with one rate. */
export async function ratesSection(report: Report): Promise<Section | null> {
  const { primary } = report.verdict;
  const name = metricNames(report)[primary];
  const trainings = compared(report).filter(({ epochs }) => epochs.length > 0);
  if (ratesOf(trainings).length < 2) return null;
  const groups = groupsOf(trainings);
  const all = atRates(groups, primary);
  const hasDiverged = all.some(({ diverged }) => diverged > 0);
  const decimals = decimalsOf(primary);
  const table: Table = {
    caption: `${name} of the last epoch by arm and rate`,
    columns: [
      ...words("Arm"),
      ...figures("Rate", "Mean", "95 % interval", "Seeds", ...hasDiverged ? ["Diverged"] : []),
    ],
    rows: all.map(({ arm, learningRate, spread, values, diverged, isBest }) => [
      arm,
      isBest ? markup`${rate(learningRate)} <b>(best)</b>` : rate(learningRate),
      plain(spread?.mean ?? null, decimals),
      between(spread?.ci95 ?? null, decimals, plain),
      String(values.length),
      ...hasDiverged ? [String(diverged)] : [],
    ]),
  };
  const figure = await figureWithTable(report, {
    chart: rateChart(groups, { metric: primary, name, id: "by-rate" }),
    caption: "Lines that cross or run apart say that the arms' difference depends on the rate.",
    table,
  });
  return {
    id: "rates",
    title: "Learning rates",
    content: [
      markup`<p>Centralizing shortens the gradient, so that the same rate is not the same step: an arm should
be judged at a rate of its own
too. The default rate is ${
        rate(defaultRate(report))
      }; a best rate is chosen on the test images, so that what it reaches is
optimistic, and more so the more rates there are.</p>`,
      figure,
    ],
  };
}
