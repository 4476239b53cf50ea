// The pairs: what everything else is made of.
import { type Markup, markup } from "../../markup.ts";
import { contrastOf, type MetricNames, metricNames, ROLE_NAMES } from "../../page_wording.ts";
import { type Metric, METRICS, type PairReport, type Report } from "../../report.ts";
import { slopeChart, slopesOf } from "../charts/slopes.ts";
import { differenceChart } from "../charts/differences.ts";
import { figureOf } from "../figure.ts";
import { between, count, decimalsOf, plain, probability, rate, signed } from "../figures.ts";
import { grid, type Section } from "../section.ts";
import { figures, folded, knownOnly, type Table, tableOf, words } from "../table.ts";
import { defaultRate } from "../trainings.ts";
import { comparisonTable } from "./comparisons.ts";

/** Slopes of the default rate, the differences that follow, and all pairs as tables. */
export async function pairsSection(report: Report): Promise<Section> {
  const { verdict: { primary }, comparison } = report;
  const names = metricNames(report);
  const pairs = report.pairs.filter(({ role }) => role === null);
  const panels = panelsOf(pairs.filter(({ learningRate }) => learningRate === defaultRate(report)), primary);
  const others = panelsOf(pairs.filter(({ learningRate }) => learningRate !== defaultRate(report)), primary);
  const rows = comparison.filter(({ metric, role }) => metric === primary && role === null);
  const drawn = [
    ...await slopes(report, panels),
    ...rows.every(({ meanDifference }) => meanDifference === null) ? [] : [
      await figureOf(report, {
        chart: differenceChart(rows, {
          metric: primary,
          name: names[primary],
          id: "differences",
          title: "Mean differences over pairs",
        }),
        caption: "What the pairs say together: an interval that reaches over 0 leaves open which arm is better.",
        table: comparisonTable("Mean differences over pairs", rows, names),
      }),
    ],
  ];
  return {
    id: "pairs",
    title: "Pairs",
    content: [
      markup`<p>The two trainings of a pair begin with the same weights and see the same batches, augmentation
and dropout masks;
each begins with a fresh optimizer. They differ in the arm alone.</p>
${divergedTrainings(report)}${
        drawn.length > 0
          ? grid(drawn)
          : markup`<p class="note">There is no second arm with as many epochs to compare with.</p>`
      }`,
      ...others.length === 0 ? [] : [folded("The same at the other rates", grid(await slopes(report, others)))],
      ...pairs.length === 0 ? [] : [
        folded(`All pairs by ${names[primary]}`, tableOf(pairTable(pairs, primary, names))),
        folded("All pairs by every metric", tableOf(metricTable(pairs, names))),
      ],
    ],
  };
}

/** Pairs of one arm and rate each, where anything is known of them. */
function panelsOf(pairs: readonly PairReport[], metric: Metric): (readonly PairReport[])[] {
  const panels = Map.groupBy(pairs, ({ arm, learningRate }) => `${arm} ${learningRate}`);
  return [...panels.values()].filter((panel) => slopesOf(panel, metric).length > 0);
}

function slopes(report: Report, panels: readonly (readonly PairReport[])[]): Promise<Markup[]> {
  const { primary } = report.verdict;
  const names = metricNames(report);
  return Promise.all(panels.map((panel) => {
    const [{ arm, baseline, learningRate }] = panel as [PairReport];
    return figureOf(report, {
      chart: slopeChart(panel, {
        metric: primary,
        name: names[primary],
        all: panels.flat(),
        id: `slopes-${arm}-${rate(learningRate)}`,
      }),
      caption: markup`A line a seed, from ${baseline} to ${arm}; whole lines are pairs in which ${arm} is better,
dashed grey ones
those in which it is not.`,
      table: pairTable(panel, primary, names),
    });
  }));
}

/** A row a pair, with DeLong's test. */
function pairTable(pairs: readonly PairReport[], metric: Metric, names: MetricNames): Table {
  const decimals = decimalsOf(metric);
  const name = names[metric];
  const hasContrasts = new Set(pairs.map(contrastOf)).size > 1;
  return knownOnly({
    caption: `Pairs by ${name} of the last epoch${
      hasContrasts || pairs.length === 0 ? "" : `: ${contrastOf(pairs[0]!)}`
    }`,
    columns: [
      ...words("Seed", ...hasContrasts ? ["Arm − baseline"] : []),
      ...figures("Baseline", "Arm", "Difference", "AUC by DeLong", "95 % interval", "p"),
    ],
    rows: pairs.map((pair) => {
      const [a, b] = pair.values[metric];
      const { delong, diverged } = pair;
      return [
        String(pair.seed),
        ...hasContrasts ? [contrastOf(pair)] : [],
        plain(a, decimals),
        plain(b, decimals),
        diverged === null ? signed(differenceOf(pair, metric), decimals) : `diverged: ${diverged}`,
        signed(delong?.difference ?? null, 4),
        between(delong?.ci95 ?? null, 4),
        probability(delong?.p ?? null),
      ];
    }),
  });
}

function metricTable(pairs: readonly PairReport[], names: MetricNames): Table {
  return {
    caption: "Differences of the last epoch, arm minus baseline",
    columns: [...words("Seed", "Arm − baseline"), ...figures(...METRICS.map((metric) => names[metric]))],
    rows: pairs.map((pair) => [
      String(pair.seed),
      contrastOf(pair),
      ...METRICS.map((metric) => signed(differenceOf(pair, metric), decimalsOf(metric))),
    ]),
  };
}

function differenceOf({ values }: PairReport, metric: Metric): number | null {
  const [a, b] = values[metric];
  return a === null || b === null ? null : b - a;
}

/** What ended before its time, and what follows for the pairs; nothing is dropped silently. */
function divergedTrainings({ arms }: Report): Markup | "" {
  const diverged = arms.filter((one) => one.diverged !== null);
  if (diverged.length === 0) return "";
  return markup`<p class="note strong">${
    count(diverged.length, "training")
  } diverged: its pair has no line, it loses in the sign test, and mean
and intervals are withheld.</p>
<ul class="limits">${
    diverged.map(({ arm, seed, learningRate, role, diverged }) =>
      markup`<li>${arm}${role === null ? "" : ` (${ROLE_NAMES[role]})`}, seed ${seed} at ${
        rate(learningRate)
      }: ${diverged}</li>
`
    )
  }</ul>
`;
}
