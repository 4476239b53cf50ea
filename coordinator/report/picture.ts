// The verdict's pairs as a file of its own, for a page that is not Herd's. It brings its colours, and its ground with them,
// so that it can be read wherever it stands.
import { HerdError } from "../../shared/errors.ts";
import { markup } from "./markup.ts";
import { slopeChart, slopesOf } from "./page/charts/slopes.ts";
import { DARK, LIGHT } from "./page/colours.css.ts";
import { draw } from "./page/draw.ts";
import { labelled } from "./page/figure.ts";
import { mainComparison } from "./page/header.ts";
import { metricNames } from "./page_wording.ts";
import type { Report } from "./report.ts";

const MARGIN = 14;
const STYLE = markup`<style>
svg { ${LIGHT}
  background: var(--paper); font-family: system-ui, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
@media (prefers-color-scheme: dark) { svg { ${DARK} } }
</style>
`;

/**
 * The slopes of the comparison that the verdict is of, as an SVG file.
 * @throws {HerdError} data, if there is no pair to be seen
 */
export async function pairsPicture(report: Report): Promise<string> {
  const main = mainComparison(report);
  const pairs = report.pairs.filter(({ role, arm, learningRate }) =>
    role === null && arm === main?.arm && learningRate === main.learningRate
  );
  if (main === undefined || slopesOf(pairs, main.metric).length === 0) {
    throw new HerdError("data", "This run has no pair of trainings yet that a picture could show: let it come further");
  }
  const name = metricNames(report)[main.metric];
  const chart = slopeChart(pairs, { metric: main.metric, name, all: pairs, id: "pairs" });
  return `${(await draw({ ...labelled(report, chart), style: STYLE, margin: MARGIN })).text}\n`;
}
