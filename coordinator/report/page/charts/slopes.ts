// The pairs of one contrast as slopes: one line a seed, the baseline on the left, the arm on the right.
import { isHigherBetter } from "../../../events/mod.ts";
import type { Metric, PairReport } from "../../report.ts";
import { contrastOf } from "../../page_wording.ts";
import { DASHES, named, placed, upward } from "../channels.ts";
import type { Chart } from "../draw.ts";
import { count, decimalsOf, mean, plain } from "../figures.ts";
import { COLOURS } from "../looks.ts";
import { apart, scaleOf } from "../scale.ts";

const HEIGHT = 230;
/** More pairs than this have no room for the numbers of their seeds. */
const MOST_NAMED = 14;
const GAP = 12;

/** A pair of which both figures are known. */
interface Slope {
  readonly seed: number;
  readonly from: number;
  readonly to: number;
}

/** The pairs whose figures of a metric are known. */
export function slopesOf(pairs: readonly PairReport[], metric: Metric): Slope[] {
  return pairs.flatMap(({ seed, values: { [metric]: [from, to] } }) =>
    from === null || to === null ? [] : [{ seed, from, to }]
  );
}

/**
 * The panel of one contrast.
 * @param pairs of one arm at one rate, at least one of which has both figures
 * @param all of every panel beside it: they have the same axis
 */
export function slopeChart(
  pairs: readonly PairReport[],
  { metric, name, all, id }: {
    readonly metric: Metric;
    readonly name: string;
    readonly all: readonly PairReport[];
    readonly id: string;
  },
): Chart {
  const slopes = slopesOf(pairs, metric);
  const { arm, baseline } = pairs[0]!;
  const scale = scaleOf(slopesOf(all, metric).flatMap(({ from, to }) => [from, to]));
  const better = ({ from, to }: Slope) => from !== to && (to > from) === isHigherBetter(metric);
  const wins = slopes.filter(better).length;
  const decimals = decimalsOf(metric);
  const diverged = pairs.filter((pair) => pair.diverged !== null).length;
  // Of those that are left alone it would be too good.
  const middle = slopes.length < 2 || diverged > 0
    ? null
    : { from: mean(slopes.map(({ from }) => from)), to: mean(slopes.map(({ to }) => to)) };
  const ends = (values: { readonly from: number; readonly to: number }, more: object) => [
    { side: 0, value: values.from, ...more },
    { side: 1, value: values.to, ...more },
  ];
  const points = slopes.flatMap((one) => ends(one, { seed: one.seed, kind: better(one) ? "better" : "not better" }));
  const perPixel = (scale.high - scale.low) / HEIGHT;
  const places = apart(slopes.map(({ to }) => to), GAP * perPixel);
  const names = slopes.length > MOST_NAMED
    ? []
    : slopes.map(({ seed }, i) => ({ side: 1, value: places[i], text: `seed ${seed}` }));
  const [x, y] = [placed("side", -0.12, 1.04), upward("value", scale)];
  const color = named("kind", { better: COLOURS[arm], "not better": "var(--soft)" });
  const strokeDash = named("kind", { better: DASHES.whole, "not better": DASHES.dashed });
  const heads = [{ side: 0, text: baseline }, { side: 1, text: arm }];
  return {
    id,
    title: contrastOf(pairs[0]!),
    subtitle: `${name}, better in ${wins} of ${count(slopes.length + diverged, "pair")}${
      diverged > 0 ? `, ${diverged} diverged` : middle === null ? "" : "; thick: mean"
    }`,
    description: `${count(slopes.length, "line")} from ${baseline} to ${arm}, one a seed: ${wins} of ${
      slopes.length + diverged
    } pairs are better with ${arm}${
      middle === null ? "" : `, and the mean goes from ${plain(middle.from, decimals)} to ${plain(middle.to, decimals)}`
    }.`,
    height: HEIGHT,
    layers: [
      {
        data: { values: points },
        mark: { type: "line", strokeWidth: 1.3, opacity: 0.85 },
        encoding: { x, y, color, strokeDash, detail: { field: "seed" } },
      },
      {
        data: { values: points },
        mark: { type: "point", filled: true, size: 16, opacity: 1 },
        encoding: { x, y, color },
      },
      ...middle === null ? [] : [{
        data: { values: ends(middle, {}) },
        mark: { type: "line", strokeWidth: 4, color: "var(--ink)", strokeCap: "round" } as const,
        encoding: { x, y },
      }],
      {
        data: { values: names },
        mark: { type: "text", align: "left", baseline: "middle", dx: 9, fontSize: 10, color: "var(--soft)" },
        encoding: { x, y, text: { field: "text" } },
      },
      {
        data: { values: heads },
        mark: { type: "text", fontSize: 12, fontWeight: 600, color: "var(--ink)" },
        encoding: { x, y: { value: HEIGHT + 18 }, text: { field: "text" } },
      },
    ],
  };
}
