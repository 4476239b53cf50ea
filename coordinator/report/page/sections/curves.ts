// Every metric by epoch.
import { type Markup, markup } from "../../markup.ts";
import { capital, metricNames } from "../../page_wording.ts";
import type { Report } from "../../report.ts";
import { curveChart, isKnown, spreadsOf } from "../charts/curves.ts";
import { figureOf } from "../figure.ts";
import { between, plain, rate, UNKNOWN } from "../figures.ts";
import { grid, type Section } from "../section.ts";
import { figures, folded, type Table, words } from "../table.ts";
import { compared, defaultRate, type EpochMetric, type Group, groupsOf, ratesOf } from "../trainings.ts";

/** In the order in which they are drawn: what is judged by first, what the network was trained on last. */
const DRAWN: readonly EpochMetric[] = [
  "testAuc",
  "testMeanProbability",
  "testLoss",
  "testAccuracy",
  "loss",
  "accuracy",
];

/** What helps to read a metric. */
const CAPTIONS: Readonly<Record<EpochMetric, string>> = {
  testAuc: "The chance that a positive image is ranked above a negative one: no threshold, and " +
    "no shift of all probabilities, changes it.",
  testMeanProbability:
    "Far from the share of positives, all probabilities are shifted, and accuracy and loss measure the shift.",
  testLoss: "Mean cross entropy of the test images.",
  testAccuracy: "At a threshold of one half: it may jump while the ranking stays the same.",
  loss: "Mean over the epoch's batches, while the weights change and with dropout.",
  accuracy: "Mean over the epoch's batches, while the weights change and with dropout.",
};

/** What is otherwise with more than two classes. */
const MACRO_CAPTIONS: Partial<typeof CAPTIONS> = {
  testAuc: "The chance that an image of a class is ranked above one of another by that class's probability, mean " +
    "over the classes.",
  testAccuracy: "The class of the largest probability: it may jump while the ranking stays the same.",
};

/** Curves of the default rate; of the others the primary metric. Null before the first epoch. */
export async function curvesSection(report: Report): Promise<Section | null> {
  const trainings = compared(report).filter(({ epochs }) => epochs.length > 0);
  const at = (learningRate: number) => groupsOf(trainings.filter((one) => one.learningRate === learningRate));
  const groups = at(defaultRate(report));
  const drawn = DRAWN.filter((metric) => isKnown(groups, metric));
  if (drawn.length === 0) return null;
  const { primary } = report.verdict;
  const names = metricNames(report);
  const captions = report.dataset.classNames.length > 2 ? { ...CAPTIONS, ...MACRO_CAPTIONS } : CAPTIONS;
  const main: EpochMetric = primary === "seconds" ? drawn[0]! : primary;
  const others = ratesOf(trainings).filter((one) => one !== defaultRate(report) && isKnown(at(one), main));
  const figure = (metric: EpochMetric, groups: readonly Group[], id: string, title: string) =>
    figureOf(report, {
      chart: curveChart(groups, { metric, report, id, title }),
      caption: captions[metric],
      table: curveTable(groups, metric, title),
    });
  return {
    id: "curves",
    title: "Curves",
    content: [
      markup`<p>${about(report, groups)}${
        report.formatVersion < 2 ? "" : markup` The figures of each seed and epoch are in <code>epochs.csv</code>.`
      }</p>`,
      grid(
        await Promise.all(
          drawn.map((metric) => figure(metric, groups, `curve-${metric}`, capital(names[metric]))),
        ),
      ),
      ...others.length === 0 ? [] : [
        folded(
          "The same at the other rates",
          grid(
            await Promise.all(
              others.map((one) =>
                figure(main, at(one), `curve-${main}-${rate(one)}`, `${capital(names[main])} at ${rate(one)}`)
              ),
            ),
          ),
        ),
      ],
    ],
  };
}

function about(report: Report, groups: readonly Group[]): Markup {
  const isOneSeed = groups.every(({ trainings }) => trainings.length < 2);
  const at = report.plan.learningRates.length > 1 ? ` at the default rate, ${rate(defaultRate(report))}` : "";
  if (isOneSeed) {
    return markup`One seed${at}: a line an arm, and no interval, since one seed does not tell how far seeds differ.`;
  }
  return markup`Means over the seeds${at} with 95 % t intervals, and a thin line a seed. Intervals of two arms
may overlap though the pairs
differ clearly: pairs share their seed, which these curves do not show. A mean ends where a training that
diverged does.`;
}

function curveTable(groups: readonly Group[], metric: EpochMetric, title: string): Table {
  const spreads = spreadsOf(groups, metric);
  const arms = groups.map(({ arm }) => arm);
  const epochs = [...new Set(spreads.map(({ epoch }) => epoch))].sort((a, b) => a - b);
  const isOneSeed = spreads.every(({ count }) => count < 2);
  return {
    caption: `${title} by epoch`,
    columns: [
      ...words("Epoch"),
      ...figures(...arms.flatMap((arm) => isOneSeed ? [arm] : [`${arm}: mean`, "95 % interval", "seeds"])),
    ],
    rows: epochs.map((epoch) => [
      String(epoch),
      ...arms.flatMap((arm) => {
        const one = spreads.find((spread) => spread.arm === arm && spread.epoch === epoch);
        const mean = plain(one?.mean ?? null, 4);
        return isOneSeed ? [mean] : [mean, between(one?.ci95 ?? null, 4, plain), one ? String(one.count) : UNKNOWN];
      }),
    ]),
  };
}
