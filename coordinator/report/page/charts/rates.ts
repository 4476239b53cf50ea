// Each arm at each rate: whether one is better depends on how large a step it takes.
import { isHigherBetter } from "../../../events/mod.ts";
import type { Metric } from "../../report.ts";
import { capital } from "../../page_wording.ts";
import { upward } from "../channels.ts";
import type { Chart } from "../draw.ts";
import { decimalsOf, listed, plain, rate } from "../figures.ts";
import { BY_ARM } from "../looks.ts";
import { apart, scaleOf } from "../scale.ts";
import { type Spread, spreadOf, withinBounds } from "../spread.ts";
import { valueOf } from "../../pairs.ts";
import { type Group, meant, ratesOf } from "../trainings.ts";

const HEIGHT = 230;
const GAP = 13;
/** Arms stand beside each other at a rate: so far apart, as a part of the way to the next rate. */
const BESIDE = 1 / 14;

/** An arm at a rate. */
export interface AtRate {
  readonly arm: Group["arm"];
  readonly learningRate: number;
  /** Trainings that ended before their last epoch: with one, there is no mean. */
  readonly diverged: number;
  /** What is known of the others. */
  readonly values: readonly number[];
  /** Of them; null where one diverged or there are none. */
  readonly spread: Spread | null;
  /** Whether no other rate has a better mean for this arm. */
  readonly isBest: boolean;
}

/** A metric of the last epoch, by arm and rate. */
export function atRates(groups: readonly Group[], metric: Metric): AtRate[] {
  const all = groups.map(({ arm, learningRate, trainings }) => {
    const finished = meant(trainings);
    const diverged = finished.filter((one) => one.diverged !== null).length;
    const values = finished.map((one) => valueOf(one, metric)).filter((value) => value !== null);
    const spread = diverged > 0 || values.length === 0 ? null : spreadOf(values);
    return { arm, learningRate, diverged, values, spread };
  });
  const sign = isHigherBetter(metric) ? 1 : -1;
  const height = ({ spread }: { readonly spread: Spread | null }) => spread === null ? -Infinity : sign * spread.mean;
  const best = (arm: string) => Math.max(...all.filter((one) => one.arm === arm).map(height));
  return all.map((one) => ({ ...one, isBest: one.spread !== null && height(one) === best(one.arm) }));
}

/** Arm by rate, with a logarithmic axis. */
export function rateChart(
  groups: readonly Group[],
  { metric, name, id }: { readonly metric: Metric; readonly name: string; readonly id: string },
): Chart {
  const all = atRates(groups, metric).filter(({ learningRate }) => learningRate > 0);
  const arms = [...new Set(all.map(({ arm }) => arm))];
  const rates = ratesOf(groups.flatMap(({ trainings }) => trainings)).filter((one) => one > 0);
  const nearest = Math.min(...rates.slice(1).map((one, i) => one / rates[i]!));
  const beside = (arm: string) => nearest ** (BESIDE * (arms.findIndex((one) => one === arm) - (arms.length - 1) / 2));
  const means = all.flatMap(({ arm, learningRate, spread, isBest }) => {
    if (spread === null) return [];
    const { mean: value, ci95 } = spread;
    const [low, high] = ci95 === null ? [value, value] : [withinBounds(metric, ci95[0]), withinBounds(metric, ci95[1])];
    return [{ arm, isBest, rate: learningRate * beside(arm), learningRate, value, low, high }];
  });
  const seeds = all.flatMap(({ arm, learningRate, values }) =>
    values.map((value) => ({ arm, rate: learningRate * beside(arm), value }))
  );
  const scale = scaleOf([...seeds.map(({ value }) => value), ...means.flatMap(({ low, high }) => [low, high])]);
  const ends = arms.flatMap((arm) => {
    const own = means.filter((one) => one.arm === arm).toSorted((a, b) => a.rate - b.rate);
    return own.length === 0 ? [] : [own.at(-1)!];
  });
  const places = apart(ends.map(({ value }) => value), GAP * (scale.high - scale.low) / HEIGHT);
  const names = ends.map(({ arm }, i) => ({ arm, rate: Math.max(...ends.map(({ rate }) => rate)), value: places[i] }));
  const [lowest = 1, highest = 1] = [rates[0], rates.at(-1)];
  const x = {
    field: "rate",
    type: "quantitative" as const,
    scale: { type: "log" as const, domain: [lowest / 1.3, highest * 1.3], nice: false },
    axis: { values: rates, format: "~e", title: "learning rate", labelOverlap: true },
  };
  const y = upward("value", scale);
  const { color, strokeDash, shape } = BY_ARM;
  return {
    id,
    title: `${capital(name)} by arm and rate`,
    subtitle: "mean and 95 % t interval, dots: seeds; ring: an arm's best",
    description: `${name} of the last epoch: ${
      listed(
        means.map(({ arm, learningRate, value }) =>
          `${arm} at ${rate(learningRate)} ${plain(value, decimalsOf(metric))}`
        ),
      )
    }.`,
    height: HEIGHT,
    layers: [
      {
        data: { values: seeds },
        mark: { type: "point", filled: true, size: 9, opacity: 0.4 },
        encoding: { x, y, color },
      },
      {
        data: { values: means },
        mark: { type: "line", strokeWidth: 2 },
        encoding: { x, y, color, strokeDash },
      },
      {
        data: { values: means },
        mark: { type: "rule", strokeWidth: 2 },
        encoding: { x, y: { ...y, field: "low" }, y2: { field: "high" }, color },
      },
      {
        data: { values: means },
        mark: { type: "point", filled: true, size: 60, opacity: 1 },
        encoding: { x, y, color, shape },
      },
      {
        data: { values: means.filter(({ isBest }) => isBest) },
        mark: { type: "point", filled: false, shape: "circle", size: 260, strokeWidth: 1.6, opacity: 1 },
        encoding: { x, y, color },
      },
      {
        data: { values: names },
        mark: { type: "text", align: "left", baseline: "middle", dx: 12, fontSize: 11, fontWeight: 600 },
        encoding: { x, y, color, text: { field: "arm" } },
      },
    ],
  };
}
