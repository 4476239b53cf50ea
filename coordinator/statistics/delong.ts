// DeLong's test of two areas under the curve on the same images.
import { type Interval, Z_975 } from "./interval.ts";
import { normalCdf } from "./normal.ts";

/** How the areas under the curve of two models differ on the same test images: of the error of the test set alone. */
export interface DeLong {
  /** AUC of b minus AUC of a. */
  readonly difference: number;
  /** Of the difference. */
  readonly standardError: number;
  /**
   * Two-sided, by the normal distribution. Where the standard error is 0: 1 if the areas are equal, else 0. The latter
   * means that each class's images all have the same place among the other's, as when one model ranks perfectly and the
   * other ranks nothing: an estimate of the error that has broken down, not certainty.
   */
  readonly p: number;
  /** Difference ± 1.96 standard errors. */
  readonly ci95: Interval;
}

/**
 * Compares two models that scored the same images (DeLong, DeLong and Clarke-Pearson, Biometrics 44, 1988), by midranks
 * in O(n log n) (Sun and Xu, IEEE Signal Processing Letters 21, 2014). Sums are of integers: up to some thousand images
 * they are exact, so equal rankings have a standard error of exactly 0.
 * @param a scores of the one model, one an image: probabilities or logits
 * @param b scores of the other one
 * @param labels 1 for positive, 0 for negative
 * @returns null where a class has fewer than two images, or a score is NaN
 */
export function delong(a: ArrayLike<number>, b: ArrayLike<number>, labels: ArrayLike<number>): DeLong | null {
  const positives = Array.from(labels).filter((label) => label === 1).length;
  const negatives = labels.length - positives;
  if (positives < 2 || negatives < 2) return null;
  for (let i = 0; i < labels.length; i++) if (Number.isNaN(a[i]) || Number.isNaN(b[i])) return null;
  const before = placements(a, labels);
  const after = placements(b, labels);
  const shifts = after.map((place, i) => place - before[i]!);
  const ofPositives = shifts.filter((_, i) => labels[i] === 1);
  const ofNegatives = shifts.filter((_, i) => labels[i] !== 1);
  // A placement counts half images of the other class: a shift by 2 · (their number) is one by 1 in the area.
  const difference = sum(ofPositives) / (2 * positives * negatives);
  const variance = varianceOf(ofPositives) / (4 * negatives * negatives * positives) +
    varianceOf(ofNegatives) / (4 * positives * positives * negatives);
  const standardError = Math.sqrt(variance);
  const margin = Z_975 * standardError;
  return {
    difference,
    standardError,
    p: difference === 0 ? 1 : 2 * normalCdf(-Math.abs(difference) / standardError),
    ci95: [difference - margin, difference + margin],
  };
}

/**
 * How many images of the other class each image is ranked rightly against: twice their number, ties as 1. Its midrank
 * among all less its midrank among its own class is the number of the others that lie below.
 */
function placements(scores: ArrayLike<number>, labels: ArrayLike<number>): number[] {
  const all = Array.from(labels, (_, i) => i).sort((i, j) => compare(scores[i]!, scores[j]!));
  const doubled = new Array<number>(labels.length).fill(0);
  const of = [all.filter((i) => labels[i] !== 1), all.filter((i) => labels[i] === 1)] as const;
  addMidranks(all, scores, { into: doubled, sign: 1 });
  for (const one of of) addMidranks(one, scores, { into: doubled, sign: -1 });
  return doubled.map((below, i) => labels[i] === 1 ? below : 2 * of[1].length - below);
}

/** Adds or takes away twice the midrank of every image in a list that is sorted by score. */
function addMidranks(
  sorted: readonly number[],
  scores: ArrayLike<number>,
  { into, sign }: { readonly into: number[]; readonly sign: 1 | -1 },
): void {
  for (let start = 0; start < sorted.length;) {
    let end = start + 1;
    while (end < sorted.length && scores[sorted[end]!] === scores[sorted[start]!]) end++;
    // Ranks start + 1 to end: twice their mean.
    for (let i = start; i < end; i++) into[sorted[i]!]! += sign * (start + 1 + end);
    start = end;
  }
}

const compare = (a: number, b: number) => a < b ? -1 : a > b ? 1 : 0;

const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);

/** Of a sample of integers: by sums of squares, which are exact where they are below 2⁵³. */
function varianceOf(values: readonly number[]): number {
  const n = values.length;
  const total = sum(values);
  const squares = sum(values.map((value) => value * value));
  return Math.max(0, n * squares - total * total) / (n * (n - 1));
}
