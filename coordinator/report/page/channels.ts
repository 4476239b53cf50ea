// The channels that the charts share: axes with given ends and round numbers, so that nothing is left to be guessed.
import type { Scale } from "./scale.ts";

const quantitative = "quantitative" as const;
const nominal = "nominal" as const;

/** A vertical axis. */
export function upward(field: string, { low, high, ticks, format }: Scale) {
  const scale = { domain: [low, high], nice: false, zero: false };
  return { field, type: quantitative, scale, axis: { values: [...ticks], format, title: null } };
}

/** A horizontal axis. */
export function across(field: string, { low, high, ticks, format }: Scale, title: string | null) {
  const scale = { domain: [low, high], nice: false, zero: false };
  return { field, type: quantitative, scale, axis: { values: [...ticks], format, title } };
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
