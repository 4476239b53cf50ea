// Figures as the page writes them, with a true minus; "–" stands for what is not known.
import type { Interval, Metric } from "../report.ts";

/** What stands for a figure that is not known. */
export const UNKNOWN = "–";

/** "0.8312", "−0.0041" */
export function plain(value: number | null, decimals: number): string {
  if (value === null) return UNKNOWN;
  if (!Number.isFinite(value)) return "not finite";
  return value.toFixed(decimals).replace(/^-(?=0\.?0*$)/, "").replace("-", "−");
}

/** "+0.0123", "−0.0041", "0.0000": a difference. */
export function signed(value: number | null, decimals: number): string {
  const text = plain(value, decimals);
  return value !== null && value > 0 && /[1-9]/.test(text) ? `+${text}` : text;
}

/** "−0.0020 to +0.0260" */
export function between(interval: Interval | null, decimals: number, write = signed): string {
  return interval === null ? UNKNOWN : `${write(interval[0], decimals)} to ${write(interval[1], decimals)}`;
}

/** "0.031", "< 0.001" */
export function probability(p: number | null): string {
  if (p === null) return UNKNOWN;
  return p < 0.001 ? "< 0.001" : plain(p, 3);
}

/** "1e-4"; a rate of 0 stands for one that the report does not say. */
export function rate(learningRate: number): string {
  return learningRate === 0 ? "not recorded" : learningRate.toExponential();
}

/** How many decimals the values of a metric are told with. */
export function decimalsOf(metric: Metric): number {
  return metric === "seconds" ? 1 : 4;
}

/** "1 pair", "10 pairs" */
export function count(number: number, one: string, many = `${one}s`): string {
  return `${number.toLocaleString("en")} ${number === 1 ? one : many}`;
}

/** "a", "a and b", "a, b and c" */
export function listed(words: readonly string[]): string {
  return words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`;
}

/** The mean; NaN of nothing. */
export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** The middle value, or the mean of the two; NaN of nothing. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  return mean(sorted.slice(Math.ceil(middle) - 1, Math.floor(middle) + 1));
}
