// The bootstrap crossed over seeds and test images: the error of both.
import type { Prepared } from "./by_counts.ts";
import type { Interval } from "./interval.ts";
import { between, resample, streamKey } from "./resample.ts";

/** What two trainings of a seed said of the test images. */
export interface ScoredPair {
  /** One an image, in the same order everywhere. */
  readonly baseline: ArrayLike<number>;
  /** Of the same images. */
  readonly arm: ArrayLike<number>;
}

const DRAWS = 2000;

/**
 * The 95 % percentile interval of the mean difference, arm minus baseline, in another experiment with other seeds and
 * other test images. Every draw takes seeds with replacement, and images once for all of them, since all trainings were
 * tested on the same ones (Owen, "The pigeonhole bootstrap", Ann. Appl. Stat. 1, 2007). Images are drawn within their
 * class, so that each draw has as many of either as the test set and an area under the curve is always defined: the
 * error of the classes' shares is therefore not in it. What seed and image do together counts about three times, which
 * makes it wide where that is much; a bootstrap of few seeds is too narrow, so that below ten the t interval is the one
 * for their part. 2,000 draws, the same each time.
 * @param labels 1 for positive, 0 for negative
 * @returns null for fewer than two pairs, or where the metric is no number, as without one of the classes
 */
export function crossedInterval(
  { pairs, labels, metric }: {
    readonly pairs: readonly ScoredPair[];
    readonly labels: ArrayLike<number>;
    readonly metric: Prepared;
  },
): Interval | null {
  if (pairs.length < 2) return null;
  const metrics = pairs.map(({ baseline, arm }) => [metric(baseline, labels), metric(arm, labels)] as const);
  const drawImages = imageDraws(labels);
  const seeds = new Uint32Array(pairs.length);
  const key = streamKey("seeds");
  const means = Float64Array.from({ length: DRAWS }, (_, draw) => {
    resample(seeds, pairs.length, { key, draw });
    const counts = drawImages(draw);
    const differences = metrics.map(([baseline, arm]) => arm(counts) - baseline(counts));
    return seeds.reduce((sum, seed) => sum + differences[seed]!, 0) / seeds.length;
  });
  // The typed array's sort puts NaN last.
  return Number.isNaN(means.sort().at(-1)) ? null : between(means, 0.025, 0.025);
}

/** How many times each image is in a draw; valid until the next one. */
function imageDraws(labels: ArrayLike<number>): (draw: number) => Uint32Array {
  const classes = (["negatives", "positives"] as const).map((stream) => {
    const members = Array.from(labels, (_, i) => i).filter((i) => (labels[i] === 1) === (stream === "positives"));
    return { key: streamKey(stream), members, indices: new Uint32Array(members.length) };
  });
  const counts = new Uint32Array(labels.length);
  return (draw) => {
    counts.fill(0);
    for (const { key, members, indices } of classes) {
      resample(indices, members.length, { key, draw });
      for (const index of indices) counts[members[index]!]!++;
    }
    return counts;
  };
}
