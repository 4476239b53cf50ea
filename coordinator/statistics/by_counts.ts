// Metrics of test images of which each is drawn so many times, prepared once so that thousands of draws are cheap.

/** A metric of a draw. @param counts how many times each image is in it */
export type ByCounts = (counts: ArrayLike<number>) => number;

/** Prepares a metric of one model's scores. @param scores one an image @param labels 1 for positive, 0 for negative */
export type Prepared = (scores: ArrayLike<number>, labels: ArrayLike<number>) => ByCounts;

/** The area under the curve, ties as ½: images are sorted once, and a draw costs one walk over them. */
export function aucByCounts(scores: ArrayLike<number>, labels: ArrayLike<number>): ByCounts {
  if (Array.from(scores).some(Number.isNaN)) return () => NaN;
  const order = Uint32Array.from(labels, (_, i) => i).sort((i, j) => scores[i]! - scores[j]!);
  const isPositive = Uint8Array.from(order, (i) => labels[i] === 1 ? 1 : 0);
  const isLastOfTies = Uint8Array.from(order, (i, at) => scores[i] === scores[order[at + 1] ?? -1] ? 0 : 1);
  return (counts) => {
    let [below, negatives, positives, halves] = [0, 0, 0, 0];
    let [tiedNegatives, tiedPositives] = [0, 0];
    for (let at = 0; at < order.length; at++) {
      const count = counts[order[at]!]!;
      if (isPositive[at] === 1) tiedPositives += count;
      else tiedNegatives += count;
      if (isLastOfTies[at] === 0) continue;
      halves += tiedPositives * (2 * below + tiedNegatives);
      below += tiedNegatives;
      negatives += tiedNegatives;
      positives += tiedPositives;
      tiedNegatives = tiedPositives = 0;
    }
    return halves / (2 * negatives * positives);
  };
}

/** The mean over images of a figure that each has by itself, such as its loss. */
export function meanByCounts(figure: (score: number, label: number) => number): Prepared {
  return (scores, labels) => {
    const figures = Float64Array.from(labels, (label, i) => figure(scores[i]!, label));
    return (counts) => {
      let [sum, images] = [0, 0];
      for (let i = 0; i < figures.length; i++) {
        sum += counts[i]! * figures[i]!;
        images += counts[i]!;
      }
      return sum / images;
    };
  };
}
