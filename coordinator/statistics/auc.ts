// Area under the ROC curve: how well scores rank images, wherever the threshold lies.

/**
 * The share of pairs of a positive and a negative image in which the positive one has the higher score, ties as ½:
 * exactly the Mann–Whitney U by its largest value, counted in integers (Hanley and McNeil, "The meaning and use of the
 * area under a receiver operating characteristic (ROC) curve", Radiology 143, 1982).
 * @param scores one an image: probabilities or logits, which rank alike
 * @param labels 1 for positive, 0 for negative
 * @returns NaN where a class has no image, or a score is NaN
 */
export function auc(scores: ArrayLike<number>, labels: ArrayLike<number>): number {
  const [negatives, positives] = sortedByClass(scores, labels);
  // The typed array's sort puts NaN last.
  if (Number.isNaN(negatives.at(-1) ?? 0) || Number.isNaN(positives.at(-1) ?? 0)) return NaN;
  let halves = 0;
  let below = 0;
  let notAbove = 0;
  for (const score of positives) {
    while (below < negatives.length && negatives[below]! < score) below++;
    while (notAbove < negatives.length && negatives[notAbove]! <= score) notAbove++;
    halves += below + notAbove;
  }
  return halves / (2 * negatives.length * positives.length);
}

/** The scores of each class, the lowest first. */
function sortedByClass(scores: ArrayLike<number>, labels: ArrayLike<number>): [Float64Array, Float64Array] {
  const of: [number[], number[]] = [[], []];
  for (let i = 0; i < labels.length; i++) of[labels[i] === 1 ? 1 : 0].push(scores[i]!);
  return [Float64Array.from(of[0]).sort(), Float64Array.from(of[1]).sort()];
}
