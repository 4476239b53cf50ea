// A chart on the page: the picture, what it shows in words, and its figures as a table.
import { messageOf } from "../../../shared/errors.ts";
import { type Markup, markup } from "../markup.ts";
import { labelOf } from "../page_wording.ts";
import type { Report } from "../report.ts";
import { type Chart, draw } from "./draw.ts";
import { folded, type Table, tableOf } from "./table.ts";

/** The chart with what every picture of such a run must have on it. */
export function labelled(report: Report, chart: Chart): Chart {
  const label = labelOf(report);
  return label === "" ? chart : { ...chart, subtitle: label, description: `${label}. ${chart.description}` };
}

/** What a figure consists of. */
export interface Figure {
  readonly chart: Chart;
  /** How to read it. */
  readonly caption: string | Markup;
  /** The same figures. */
  readonly table: Table;
}

/** A figure whose table stands beside it, for a section that has only one. */
export async function figureWithTable(report: Report, { chart, caption, table }: Figure): Promise<Markup> {
  return markup`<div class="duo"><div class="figure"><figure>${await pictureOf(report, chart)}
<figcaption>${caption}</figcaption></figure></div>
<div class="beside">${tableOf(table)}</div></div>
`;
}

/** A figure. A picture that cannot be drawn is missing, and it is said why: the rest of the report is worth more. */
export async function figureOf(report: Report, { chart, caption, table }: Figure): Promise<Markup> {
  return markup`<div class="figure"><figure>${await pictureOf(report, chart)}
<figcaption>${caption}</figcaption></figure>
${folded("These figures as a table", tableOf(table))}</div>
`;
}

async function pictureOf(report: Report, chart: Chart): Promise<Markup> {
  try {
    return await draw(labelled(report, chart));
  } catch (error) {
    return markup`<p class="undrawn">This chart could not be drawn (${messageOf(error)}).</p>`;
  }
}
