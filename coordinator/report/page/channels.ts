// The channels that the charts share: axes with given ends and round numbers, so that nothing is left to be guessed.
import type { Scale } from "./scale.ts";

const quantitative = "quantitative" as const;
const nominal = "nominal" as const;

/** A vertical axis. */
export function upward(field: string, scale: Scale) {
  return { field, type: quantitative, ...linear(scale, null) };
}

/** A horizontal axis. */
export function across(field: string, scale: Scale, title: string | null) {
  return { field, type: quantitative, ...linear(scale, title) };
}

function linear({ low, high, ticks, format }: Scale, title: string | null) {
  // Without their number, Vega leaves out some of the ticks that it is given.
  const axis = { values: [...ticks], tickCount: ticks.length, format, title };
  return { scale: { domain: [low, high], nice: false, zero: false }, axis };
}

/** A place that no axis tells: from `low` on the left or at the bottom to `high`. */
export function placed(field: string, low: number, high: number) {
  return { field, type: quantitative, scale: { domain: [low, high], nice: false, zero: false }, axis: null };
}

/** Colours, dashes or shapes by name, without a legend: the names stand in the chart. */
export function named<Look extends string | number[]>(field: string, looks: Readonly<Record<string, Look>>) {
  const scale = { domain: Object.keys(looks), range: Object.values(looks) };
  return { field, type: nominal, scale, legend: null };
}

/** Dashes of lines and rules: lengths of lines and gaps. */
export const DASHES = { whole: [1, 0], dotted: [1.5, 3], dashed: [4, 3] };
