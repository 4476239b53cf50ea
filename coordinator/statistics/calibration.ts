// Whether probabilities mean what they say: of the images of which a network is sure to 80 %, 80 % should be right.

/** The images whose confidence lies in one bin. */
export interface ReliabilityBin {
  /** Confidences above `low`, and at most `high`; the first bin has 0 too. */
  readonly low: number;
  /** The next bin's `low`. */
  readonly high: number;
  /** How many they are. */
  readonly images: number;
  /** Their mean confidence; null of none. */
  readonly confidence: number | null;
  /** Part of them whose class is right; null of none. */
  readonly accuracy: number | null;
}

/** How well probabilities are calibrated. */
export interface Calibration {
  /** Ten bins of equal width over the confidence: the probability of the predicted class. */
  readonly bins: readonly ReliabilityBin[];
  /**
   * Mean distance of accuracy and confidence over the bins, each weighted by its images (Guo et al., "On Calibration of Modern
   * Neural Networks", ICML 2017).
   */
  readonly expectedError: number;
  /**
   * Mean squared distance of probabilities and truth (Brier, "Verification of forecasts expressed in terms of probability",
   * Mon. Weather Rev. 78, 1950): of the second class where there are two, 0 to 1; else summed over the classes, 0 to 2.
   */
  readonly brier: number;
}

/** How many bins there are. */
const BINS = 10;

/**
 * The calibration of predictions.
 * @param probabilities of each image, one a class
 * @param labels the right class of each image
 * @param predicted the class that was predicted for each
 */
export function calibration(
  probabilities: readonly (readonly number[])[],
  labels: ArrayLike<number>,
  predicted: ArrayLike<number>,
): Calibration {
  const sums = Array.from({ length: BINS }, () => ({ images: 0, confidence: 0, right: 0 }));
  let squares = 0;
  for (const [i, all] of probabilities.entries()) {
    const confidence = all[predicted[i]!]!;
    const bin = sums[Math.min(BINS - 1, Math.max(0, Math.ceil(confidence * BINS) - 1))]!;
    bin.images++;
    bin.confidence += confidence;
    if (predicted[i] === labels[i]) bin.right++;
    squares += squaredDistance(all, labels[i]!);
  }
  const images = probabilities.length;
  const gaps = sums.reduce((sum, { confidence, right }) => sum + Math.abs(right - confidence), 0);
  const bins = sums.map(({ images, confidence, right }, i) => ({
    low: i / BINS,
    high: (i + 1) / BINS,
    images,
    confidence: images === 0 ? null : confidence / images,
    accuracy: images === 0 ? null : right / images,
  }));
  return { bins, expectedError: gaps / images, brier: squares / images };
}

function squaredDistance(probabilities: readonly number[], label: number): number {
  if (probabilities.length === 2) return (probabilities[1]! - label) ** 2;
  return probabilities.reduce((sum, p, k) => sum + (p - (k === label ? 1 : 0)) ** 2, 0);
}
