// Charts as pictures: Vega-Lite draws them in this process, without a screen, a script or a network. It is loaded with
// the first chart, so that whoever draws none does not wait for it.
import type { Config, TopLevelSpec } from "vega-lite";
import { Markup } from "../markup.ts";
import { SIZE } from "./scale.ts";

/** The layers of a chart, as Vega-Lite takes them. */
export type Layers = Extract<TopLevelSpec, { readonly layer: unknown }>["layer"];

/** A chart, in words and as what is to be drawn. */
export interface Chart {
  /** Of the picture, unique in its page. */
  readonly id: string;
  /** Stands above it. */
  readonly title: string;
  /** Stands below the title: what must not be lost when the picture is copied, or how to read it. */
  readonly subtitle: string;
  /** What it shows, for those who do not see it. */
  readonly description: string;
  /** Of what is between the axes, in pixels. */
  readonly height: number;
  /** Room beside what is between the axes, for names; that of an axis and of the arms' names by default. */
  readonly left?: number;
  readonly right?: number;
  readonly layers: Layers;
  /** For a picture that stands alone: what it would take from the page around it, and pixels around it all. */
  readonly style?: Markup;
  readonly margin?: number;
}

/** Colours are the page's: they follow light, dark and print. */
const CONFIG: Config = {
  aria: false,
  background: "transparent",
  font: "inherit",
  view: { stroke: null },
  axis: {
    domain: false,
    ticks: false,
    gridColor: "var(--grid)",
    labelColor: "var(--soft)",
    labelFontSize: 11,
    labelPadding: 6,
    titleColor: "var(--soft)",
    titleFontSize: 11,
    titleFontWeight: "normal",
    titlePadding: 8,
  },
  axisX: { grid: false, domain: true, domainColor: "var(--rule)", ticks: true, tickColor: "var(--rule)", tickSize: 4 },
};

/**
 * The picture of a chart.
 * @param warn is told what Vega-Lite finds odd in the chart
 * @throws {Error} if Vega-Lite cannot draw it
 */
export async function draw(chart: Chart, warn: (text: string) => void = () => {}): Promise<Markup> {
  const [vega, { compile }] = await Promise.all([import("vega"), import("vega-lite")]);
  const { width, top, bottom } = SIZE;
  const { left = SIZE.left, right = SIZE.right, margin = 0 } = chart;
  const spec: TopLevelSpec = {
    width: width - left - right,
    height: chart.height,
    autosize: { type: "none" },
    padding: { left: left + margin, top: top + margin, right: right + margin, bottom: bottom + margin },
    config: CONFIG,
    layer: [
      textAt(-left, 12 - top, { text: chart.title, fontSize: 13, fontWeight: 600, color: "var(--ink)" }),
      textAt(-left, 28 - top, { text: chart.subtitle, fontSize: 11, color: "var(--soft)" }),
      ...chart.layers,
    ],
  };
  // It would print what it has to say, errors too.
  const logger = vega.logger(vega.Warn, undefined, (_method, level, words) => {
    if (level === "ERROR") throw new Error(words.join(" "));
    warn(words.join(" "));
  });
  const view = new vega.View(vega.parse(compile(spec, { logger }).spec), { renderer: "none", logger });
  try {
    return Markup.drawing(await view.toSVG(), chart);
  } finally {
    view.finalize();
  }
}

/** A title where it is wanted: Vega's own moves with what stands below it. */
function textAt(
  x: number,
  y: number,
  { text, ...look }: { readonly text: string; readonly [look: string]: unknown },
): Layers[number] {
  return {
    data: { values: [{ text }] },
    mark: { type: "text", align: "left", baseline: "alphabetic", ...look },
    encoding: { x: { value: x }, y: { value: y }, text: { field: "text" } },
  };
}
