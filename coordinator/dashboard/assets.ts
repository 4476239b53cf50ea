// The files that the page consists of. They have no secrets, and are the same for everybody.
import { stripTypeScriptTypes } from "node:module";
import chart from "uplot/dist/uPlot.iife.min.js" with { type: "text" };
import chartStyle from "uplot/dist/uPlot.min.css" with { type: "text" };
import format from "../../shared/cli/format.ts" with { type: "text" };
import { COLOURS } from "../report/mod.ts";
import charts from "./page/charts.ts" with { type: "text" };
import figures from "./page/figures.ts" with { type: "text" };
import icon from "./page/icon.svg" with { type: "text" };
import html from "./page/index.html" with { type: "text" };
import main from "./page/main.ts" with { type: "text" };
import sections from "./page/sections.ts" with { type: "text" };
import style from "./page/style.css" with { type: "text" };
import tables from "./page/tables.ts" with { type: "text" };

/** A file, as a browser gets it. */
export interface Asset {
  readonly type: string;
  readonly text: string;
}

/** Files by path. A module's path is such that what it imports is found from there. */
export function readAssets(): ReadonlyMap<string, Asset> {
  const css = (text: string) => ({ type: "text/css; charset=utf-8", text });
  const script = (text: string) => ({ type: "text/javascript; charset=utf-8", text });
  const module = (text: string) => script(stripTypeScriptTypes(text));
  return new Map([
    ["/", { type: "text/html; charset=utf-8", text: html }],
    ["/icon.svg", { type: "image/svg+xml", text: icon }],
    ["/style.css", css(`${COLOURS}\n${style}`)],
    ["/uplot.css", css(chartStyle)],
    ["/uplot.js", script(chart)],
    ["/page/main.ts", module(main)],
    ["/page/charts.ts", module(charts)],
    ["/page/figures.ts", module(figures)],
    ["/page/sections.ts", module(sections)],
    ["/page/tables.ts", module(tables)],
    ["/shared/cli/format.ts", module(format)],
  ]);
}
