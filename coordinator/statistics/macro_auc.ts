// The area under the ROC curve for any number of classes: each against all others.
import { auc } from "./auc.ts";

/**
 * The mean over the classes of each one's area against the rest, whatever their sizes (macro average, one against the
 * rest). Images are ranked by a class's log odds, which rank as its probability does and do not saturate. Of two classes
 * it is {@linkcode auc}.
 * @param logits `classes` an image, at least two
 * @param labels class indices
 * @returns NaN where a class has no image, or is all there is, or a logit is NaN
 */
export function macroAuc(logits: ArrayLike<number>, labels: ArrayLike<number>, classes: number): number {
  const odds = logOdds(logits, labels.length, classes);
  let sum = 0;
  for (let one = 0; one < classes; one++) {
    const isOne = Uint8Array.from({ length: labels.length }, (_, i) => labels[i] === one ? 1 : 0);
    sum += auc(odds.subarray(one * labels.length, (one + 1) * labels.length), isOne);
  }
  return sum / classes;
}

/** ln(p / (1 − p)) of every class's softmax probability: all images of a class, then all of the next. */
function logOdds(logits: ArrayLike<number>, images: number, classes: number): Float64Array {
  const odds = new Float64Array(classes * images);
  for (let i = 0; i < images; i++) {
    const z = Array.from({ length: classes }, (_, one) => logits[i * classes + one]!);
    const greatest = Math.max(...z);
    const at = z.indexOf(greatest);
    const sum = z.reduce((total, one) => total + Math.exp(one - greatest), 0);
    // The others of the greatest may be nothing beside it: they are added up without it.
    const second = Math.max(...z.filter((_, one) => one !== at));
    const others = z.reduce((total, one, j) => j === at ? total : total + Math.exp(one - second), 0);
    z.forEach((one, j) => {
      const rest = j === at ? second + Math.log(others) : greatest + Math.log(sum - Math.exp(one - greatest));
      odds[j * images + i] = one - rest;
    });
  }
  return odds;
}
