// A row of values as small bars, for a line of text.

const BARS = "▁▂▃▄▅▆▇█";

/** One bar a value, the least the lowest; the last `most` values. Values that are not finite leave a gap. */
export function sparkline(values: readonly number[], most = 20): string {
  const shown = values.slice(-most);
  const finite = shown.filter(Number.isFinite);
  const [low, high] = [Math.min(...finite), Math.max(...finite)];
  const step = high > low ? (BARS.length - 1) / (high - low) : 0;
  return shown.map((value) => Number.isFinite(value) ? BARS[Math.round((value - low) * step)]! : " ").join("");
}
