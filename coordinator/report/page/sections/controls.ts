// What the instrument saw where the answer is known before.
import type { Role } from "../../../events/mod.ts";
import { type Markup, markup } from "../../markup.ts";
import { type MetricNames, metricNames } from "../../page_wording.ts";
import type { Comparison, Report } from "../../report.ts";
import { differenceChart } from "../charts/differences.ts";
import { figureOf } from "../figure.ts";
import { between, count, decimalsOf, signed } from "../figures.ts";
import { grid, type Section } from "../section.ts";
import { folded, tableOf } from "../table.ts";
import { comparisonTable } from "./comparisons.ts";

/** Null without controls. */
export async function controlsSection(report: Report): Promise<Section | null> {
  const { verdict: { primary }, comparison } = report;
  const controls = comparison.filter(({ role }) => role === "again" || role === "lose");
  if (controls.length === 0) return null;
  const names = metricNames(report);
  const by = (role: Role) => controls.filter((one) => one.role === role && one.metric === primary);
  const main = comparison.filter(({ kind, metric }) => kind === "confirmatory" && metric === primary);
  const draw = async (rows: readonly Comparison[], id: string, title: string, caption: string) =>
    rows.length === 0 ? [] : [
      await figureOf(report, {
        chart: differenceChart(rows, { metric: primary, name: names[primary], id, title }),
        caption,
        table: comparisonTable(title, rows, names),
      }),
    ];
  const [again, lose] = [by("again"), by("lose")];
  return {
    id: "controls",
    title: "What the instrument saw",
    content: [
      ...again.map((one) => sayAgain(one, names)),
      ...lose.map((one) => sayLose(one, names)),
      grid([
        ...again.length === 0 ? [] : await draw(
          [...again, ...main],
          "control-again",
          "A against A, beside the comparison",
          "Hollow: the same arm twice, with another random stream. Filled: the comparison that " +
            "was fixed before, on the same axis.",
        ),
        ...await draw(
          lose,
          "control-lose",
          "A control that must lose",
          "It learns nothing: if this did not show, nothing would.",
        ),
      ]),
      folded("Controls by every metric", tableOf(comparisonTable("Controls by every metric", controls, names))),
    ],
  };
}

function sayAgain({ arm, metric, pairs, meanDifference, ci95 }: Comparison, names: MetricNames): Markup {
  const decimals = decimalsOf(metric);
  const interval = ci95 === null ? "" : `, 95 % interval ${between(ci95, decimals)}`;
  return markup`<p><strong>A against A.</strong> ${arm} against itself with another random stream, ${
    count(pairs, "pair")
  }: a mean
difference in ${names[metric]} of ${
    signed(meanDifference, decimals)
  }${interval}. Nothing differs here but chance, so that
this is how large chance is. It is one trial: it neither passes nor fails.</p>
`;
}

function sayLose({ metric, pairs, losses, meanDifference, diverged }: Comparison, names: MetricNames): Markup {
  const decimals = decimalsOf(metric);
  const mean = meanDifference === null
    ? ""
    : `, with a mean difference in ${names[metric]} of ${signed(meanDifference, decimals)}`;
  const ended = diverged.arm === 0 ? "" : `; ${count(diverged.arm, "training")} of it diverged`;
  return markup`<p><strong>A control that must lose.</strong> The first arm without learning lost ${losses} of ${
    count(pairs, "pair")
  }${mean}${ended}.</p>
`;
}
