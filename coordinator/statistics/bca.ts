// The bootstrap of a mean that corrects for bias and skewness.
import type { Interval } from "./interval.ts";
import { Z_975 } from "./interval.ts";
import { normalCdf, normalQuantile } from "./normal.ts";
import { between, resample, streamKey } from "./resample.ts";

/** Fewer differences than this are too few to draw from. */
export const LEAST_BCA = 10;
const DRAWS = 10_000;

/**
 * The 95 % BCa interval of the mean (Efron, "Better Bootstrap Confidence Intervals", JASA 82, 1987), by 10,000 draws
 * that are the same each time. The order of the differences does not matter, and its bits are the same on every
 * machine.
 * @returns null for fewer than LEAST_BCA differences
 */
export function bcaInterval(differences: readonly number[]): Interval | null {
  const n = differences.length;
  if (n < LEAST_BCA) return null;
  const sorted = Float64Array.from(differences).sort();
  const mean = sorted.reduce((a, b) => a + b, 0) / n;
  if (sorted[0] === sorted[n - 1]) return [sorted[0]!, sorted[0]!];
  const means = drawMeans(sorted);
  // Median bias: how far the estimate is from the middle of its draws, in normal deviations.
  const bias = normalQuantile(means.reduce((sum, one) => sum + (one < mean ? 1 : one === mean ? 0.5 : 0), 0) / DRAWS);
  const acceleration = accelerationOf(sorted, mean);
  const part = (z: number) => normalCdf(bias + (bias + z) / (1 - acceleration * (bias + z)));
  return between(means.sort(), part(-Z_975), 1 - part(Z_975));
}

function drawMeans(values: Float64Array): Float64Array {
  const n = values.length;
  const indices = drawnIndices(n);
  const means = new Float64Array(DRAWS);
  for (let draw = 0; draw < DRAWS; draw++) {
    let sum = 0;
    for (let i = draw * n; i < (draw + 1) * n; i++) sum += values[indices[i]!]!;
    means[draw] = sum / n;
  }
  return means;
}

const known = new Map<number, Uint32Array>();

/** All draws of so many values, one after another: the same for every comparison, so they are drawn once. */
function drawnIndices(n: number): Uint32Array {
  const before = known.get(n);
  if (before !== undefined) return before;
  const indices = new Uint32Array(DRAWS * n);
  const key = streamKey("differences");
  for (let draw = 0; draw < DRAWS; draw++) resample(indices.subarray(draw * n, (draw + 1) * n), n, { key, draw });
  known.set(n, indices);
  return indices;
}

/** A sixth of the skewness of the jackknife's values, which for a mean is Σ(x − x̄)³/(Σ(x − x̄)²)^1.5. */
function accelerationOf(values: Float64Array, mean: number): number {
  let [squares, cubes] = [0, 0];
  for (const value of values) {
    const deviation = value - mean;
    squares += deviation * deviation;
    cubes += deviation * deviation * deviation;
  }
  return cubes / (6 * squares * Math.sqrt(squares));
}
