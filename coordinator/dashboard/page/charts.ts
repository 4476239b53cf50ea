// Charts that grow: uPlot draws them, a table under each says the same.
/// <reference lib="dom" />
/// <reference lib="dom.iterable" />
import type UPlot from "uplot";
import { type Curve, type Curves, someOf } from "./figures.ts";
import { element, Table } from "./tables.ts";

declare const uPlot: typeof UPlot;

/** What a chart is of. */
export interface ChartOptions {
  readonly title: string;
  /** What its places are called: "epoch". */
  readonly place: string;
  readonly arms: readonly string[];
  /** Decimals of its values. */
  readonly decimals: number;
}

const HEIGHT = 208;
const MOST_ROWS = 100;
/** Of more places, the lines alone are clearer. */
const MOST_DOTS = 30;
/** As on the report's page: no arm is told by its colour alone. */
const DASHES: Readonly<Record<string, number[]>> = { gc: [7, 3], "gc-update": [2, 2.5] };

/** A colour of the style sheet, as it is now. */
function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

/** A line as long as a word, with an arm's look. */
export function sample(arm: string): SVGSVGElement {
  const make = <K extends keyof SVGElementTagNameMap>(name: K, attributes: Readonly<Record<string, string>>) => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [attribute, value] of Object.entries(attributes)) made.setAttribute(attribute, value);
    return made;
  };
  const dashes = (DASHES[arm] ?? []).join(" ");
  const svg = make("svg", { viewBox: "0 0 32 10", "aria-hidden": "true" });
  const look = { stroke: `var(--${arm})`, "stroke-width": "2.5", "stroke-dasharray": dashes };
  svg.append(make("line", { x1: "0", x2: "32", y1: "5", y2: "5", ...look }));
  return svg;
}

/** One chart. */
export class Chart {
  readonly element: HTMLElement;
  readonly #options: ChartOptions;
  readonly #plot = element("div", { class: "plot", role: "img" });
  readonly #reading = element("p", { class: "reading", "aria-hidden": "true" });
  readonly #table: Table;
  #curves: Curves = { places: [], curves: [], counts: {} };
  #drawn: UPlot | undefined;
  /** Of what was drawn last: another one needs other series. */
  #names = "";

  constructor(options: ChartOptions) {
    this.#options = options;
    const { title, place, arms } = options;
    const heads = [place, ...arms].map((head) => ({ head }));
    this.#table = new Table(`${title} by ${place}`, heads);
    const details = element("details", {}, element("summary", {}, "As a table"), this.#table.element);
    details.addEventListener("toggle", () => this.#fill());
    const children = [element("h3", {}, title), this.#plot, this.#reading, details];
    this.element = element("div", { class: "chart" }, ...children);
    new ResizeObserver(() => this.#drawn?.setSize({ width: this.#width, height: HEIGHT })).observe(this.#plot);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#draw());
  }

  /** Shows these curves. */
  show(curves: Curves): void {
    if (JSON.stringify(curves) === JSON.stringify(this.#curves)) return;
    this.#curves = curves;
    const names = JSON.stringify(curves.curves.map(({ arm, of }) => [arm, of]));
    if (names !== this.#names || this.#drawn === undefined) {
      this.#names = names;
      this.#draw();
    } else this.#drawn.setData(dataOf(curves));
    this.#plot.setAttribute("aria-label", this.#description());
    this.#read(null);
    this.#fill();
  }

  get #width(): number {
    return Math.max(160, this.#plot.clientWidth);
  }

  get #means(): readonly Curve[] {
    return this.#curves.curves.filter(({ of }) => of === "mean");
  }

  #draw(): void {
    this.#drawn?.destroy();
    this.#drawn = undefined;
    if (this.#curves.places.length === 0) return;
    const { decimals } = this.#options;
    const [soft, grid] = [colour("soft"), colour("grid")];
    const look = { stroke: soft, grid: { stroke: grid, width: 1 }, ticks: { show: false }, font: "12px system-ui" };
    const series = this.#curves.curves.map(({ arm, of }): UPlot.Series => ({
      stroke: colour(arm),
      width: of === "mean" ? 2.5 : 1,
      alpha: of === "mean" ? 1 : 0.5,
      dash: DASHES[arm] ?? [],
      spanGaps: true,
      points: { show: ({ data: [places] }) => of === "mean" && places.length <= MOST_DOTS, size: 5, fill: colour(arm) },
    }));
    const options: UPlot.Options = {
      width: this.#width,
      height: HEIGHT,
      padding: [8, 10, 0, 0],
      legend: { show: false },
      cursor: { drag: { x: false, y: false }, points: { show: false } },
      scales: { x: { time: false, range: (_, low, high) => [low, Math.max(low + 1, high)] } },
      axes: [
        { ...look, size: 30, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000] },
        { ...look, size: 52, values: (_, splits) => splits.map((value) => shortest(value, decimals)) },
      ],
      series: [{}, ...series],
      hooks: { setCursor: [({ cursor: { idx } }) => this.#read(idx ?? null)] },
    };
    this.#drawn = new uPlot(options, dataOf(this.#curves), this.#plot);
  }

  /** What the values at a place are; at the last one while none is pointed at. */
  #read(at: number | null): void {
    const { places } = this.#curves;
    const i = at ?? places.length - 1;
    this.#reading.textContent = places[i] === undefined
      ? ""
      : `${this.#options.place} ${places[i]}: ${this.#values(i)}`;
  }

  #values(i: number): string {
    return this.#means.map(({ arm, values }) => `${arm} ${this.#format(values[i] ?? null)}`).join(", ");
  }

  #format(value: number | null): string {
    return value === null ? "–" : value.toFixed(this.#options.decimals);
  }

  #description(): string {
    const { title, place } = this.#options;
    const { places } = this.#curves;
    if (places.length === 0) return `${title}: nothing yet`;
    return `${title} by ${place}, to ${place} ${places.at(-1)}: ${
      this.#values(places.length - 1)
    }; the table below has all`;
  }

  /** The newest first; only while it is open: nobody sees it otherwise. */
  #fill(): void {
    if (this.#table.element.closest("details")?.open !== true) return;
    const { places, counts } = this.#curves;
    const most = Math.max(0, ...Object.values(counts).flat());
    this.#table.fill(
      someOf(places, MOST_ROWS).toReversed().map((i) => {
        const cells = this.#options.arms.map((arm) => {
          const value = this.#means.find((one) => one.arm === arm)?.values[i] ?? null;
          return `${this.#format(value)}${most > 1 && value !== null ? ` (mean of ${counts[arm]?.[i]})` : ""}`;
        });
        return { cells: [`${places[i]}`, ...cells] };
      }),
    );
  }
}

function dataOf({ places, curves }: Curves): UPlot.AlignedData {
  return [[...places], ...curves.map(({ values }) => [...values])];
}

/** Without zeros at its end. */
function shortest(value: number, decimals: number): string {
  return `${Number(value.toFixed(decimals))}`;
}
