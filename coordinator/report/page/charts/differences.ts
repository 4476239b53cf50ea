// Mean paired differences of one metric with their intervals, a row a contrast, beside the line of no difference.
import { isHigherBetter } from "../../../events/mod.ts";
import type { Comparison, Interval, Metric } from "../../report.ts";
import { contrastOf } from "../../page_wording.ts";
import { across, DASHES, placed } from "../channels.ts";
import type { Chart } from "../draw.ts";
import { between, count, decimalsOf, signed } from "../figures.ts";
import { BY_ARM } from "../looks.ts";
import { scaleOf } from "../scale.ts";

/** A row: its name, and below it the mean and up to three intervals; in pixels. */
const ROW = 54;
const BELOW_NAME = 18;
const PLACES = { name: 10, mean: 25, bca95: 34, crossed95: 41 } as const;

/** The intervals below each other, with what the metric is called. Rows whose mean is not told have their reason instead. */
export function differenceChart(
  rows: readonly Comparison[],
  { metric, name, id, title }: {
    readonly metric: Metric;
    readonly name: string;
    readonly id: string;
    readonly title: string;
  },
): Chart {
  const decimals = decimalsOf(metric);
  const intervals = rows.flatMap(({ ci95, bca95, crossed95, arm }, i) =>
    ([["mean", ci95], ["bca95", bca95], ["crossed95", crossed95]] as const).flatMap(([kind, interval]) =>
      interval === null ? [] : [{ arm, kind, place: i * ROW + PLACES[kind], low: interval[0], high: interval[1] }]
    )
  );
  const means = rows.flatMap(({ meanDifference: value, arm, role }, i) =>
    value === null ? [] : [{ arm, value, place: i * ROW + PLACES.mean, isControl: role !== null }]
  );
  const scale = scaleOf(
    [0, ...means.map(({ value }) => value), ...intervals.flatMap(({ low, high }) => [low, high])],
    4,
  );
  const names = rows.map((row, i) => ({ place: i * ROW + PLACES.name, text: contrastOf(row) }));
  const reasons = rows.flatMap(({ meanDifference, withheld }, i) =>
    meanDifference === null
      ? [{ place: i * ROW + PLACES.mean, text: `no mean${withheld ? ": a training diverged" : ""}` }]
      : []
  );
  const height = rows.length * ROW;
  const side = isHigherBetter(metric) ? "right of 0 is better" : "left of 0 is better";
  const x = across("low", scale, `${name}, difference: ${side}`);
  const y = placed("place", height, 0);
  const { color, shape } = BY_ARM;
  const interval = (kind: string, mark: object) => ({
    data: { values: intervals.filter((one) => one.kind === kind) },
    mark: { type: "rule" as const, ...mark },
    encoding: { x, x2: { field: "high" }, y, color },
  });
  const has = (kind: string) => intervals.some((one) => one.kind === kind);
  const legend = [
    ...has("mean") ? ["thick: 95 % t interval"] : [],
    ...has("bca95") ? ["thin: BCa"] : [],
    ...has("crossed95") ? ["dotted: crossed"] : [],
  ];
  return {
    id,
    title,
    subtitle: legend.length > 0 ? legend.join("; ") : "one pair: no interval",
    description: `Mean paired differences in ${name}: ${
      rows.map((row) => `${contrastOf(row)}, ${count(row.pairs, "pair")}: ${told(row, decimals)}`).join("; ")
    }.`,
    height,
    left: 12,
    right: 16,
    layers: [
      {
        // Not through the names, nor through the reasons in place of a mean.
        data: {
          values: rows.flatMap(({ meanDifference }, i) =>
            meanDifference === null ? [] : [{ low: 0, place: i * ROW + BELOW_NAME, end: (i + 1) * ROW }]
          ),
        },
        mark: { type: "rule", color: "var(--ink)", strokeWidth: 1 },
        encoding: { x, y, y2: { field: "end" } },
      },
      interval("bca95", { strokeWidth: 1.5 }),
      interval("crossed95", { strokeWidth: 1.8, strokeDash: DASHES.dotted }),
      interval("mean", { strokeWidth: 3.5 }),
      {
        data: { values: means.filter(({ isControl }) => !isControl) },
        mark: { type: "point", filled: true, size: 70, opacity: 1 },
        encoding: { x: { ...x, field: "value" }, y, color, shape },
      },
      {
        data: { values: means.filter(({ isControl }) => isControl) },
        mark: { type: "point", filled: true, fill: "var(--paper)", size: 70, opacity: 1, strokeWidth: 2 },
        encoding: { x: { ...x, field: "value" }, y, stroke: color, shape },
      },
      {
        data: { values: [...names, ...reasons] },
        mark: {
          type: "text",
          align: "left",
          baseline: "middle",
          fontSize: 11,
          fill: "var(--paper)",
          stroke: "var(--paper)",
          strokeWidth: 4,
        },
        encoding: { x: { value: 2 }, y, text: { field: "text" } },
      },
      {
        data: { values: [...names, ...reasons] },
        mark: { type: "text", align: "left", baseline: "middle", fontSize: 11, color: "var(--ink)" },
        encoding: { x: { value: 2 }, y, text: { field: "text" } },
      },
    ],
  };
}

function told({ meanDifference, ci95, withheld }: Comparison, decimals: number): string {
  if (meanDifference === null) return withheld ?? "no mean";
  return `${signed(meanDifference, decimals)}${ci95 === null ? "" : ` (95 % t interval ${between(ci95, decimals)})`}`;
}

/** Whether 0 lies in an interval. */
export function holdsZero([low, high]: Interval): boolean {
  return low <= 0 && high >= 0;
}
