// Loss and accuracy as Keras averages them over an epoch, from per-sample values summed in sample order in float64.
import type { EpochRecord, MeanMetrics } from "../events/mod.ts";
import { predictedClass } from "../../shared/predictions.ts";
import { auc, macroAuc } from "../statistics/mod.ts";

/** Sums over the samples of an epoch so far. */
export interface MetricsSums {
  /** Float64. */
  readonly loss: number;
  /** Samples whose class was predicted. */
  readonly correct: number;
  /** All samples. */
  readonly samples: number;
}

/** Running sums over an epoch: Σ loss / n and correct / n, as keras.metrics.Mean weighted by batch size. */
export class MetricsAccumulator {
  #loss: number;
  #correct: number;
  #samples: number;

  /** Goes on from sums. @param sums where another accumulator stopped */
  constructor({ loss, correct, samples }: MetricsSums = { loss: 0, correct: 0, samples: 0 }) {
    this.#loss = loss;
    this.#correct = correct;
    this.#samples = samples;
  }

  /**
   * Adds samples, in order.
   * @param losses one a sample
   * @param logits `classes` a sample
   * @param labels class indices
   */
  add(losses: Float32Array, logits: Float32Array, labels: ArrayLike<number>): void {
    const classes = logits.length / losses.length;
    for (let i = 0; i < losses.length; i++) {
      this.#loss += losses[i]!;
      if (predictedClass(logits.subarray(i * classes, (i + 1) * classes)) === labels[i]) this.#correct++;
    }
    this.#samples += losses.length;
  }

  /** What another accumulator needs to go on from here. */
  get sums(): MetricsSums {
    return { loss: this.#loss, correct: this.#correct, samples: this.#samples };
  }

  /** The means so far; NaN before the first sample. */
  result(): MeanMetrics {
    return { loss: this.#loss / this.#samples, accuracy: this.#correct / this.#samples };
  }
}

/**
 * What the logits of the test images say besides loss and accuracy: how well they rank the classes (for more than two by the
 * macro average of each against the rest), and the second of two's mean probability. The area is null where a class is missing.
 * @param logits one a sample for two classes, else one a class
 */
export function rankingOf(
  logits: Float32Array,
  labels: Uint8Array,
): Pick<EpochRecord, "testAuc" | "testMeanProbability"> {
  const width = logits.length / labels.length;
  if (width !== 1) {
    const area = macroAuc(logits, labels, width);
    return { testAuc: Number.isNaN(area) ? null : area, testMeanProbability: null };
  }
  const area = auc(logits, labels);
  const probabilities = Float64Array.from(logits, (logit) => 1 / (1 + Math.exp(-logit)));
  const mean = probabilities.reduce((sum, one) => sum + one, 0) / probabilities.length;
  return { testAuc: Number.isNaN(area) ? null : area, testMeanProbability: mean };
}

/**
 * How many samples of each class were taken for each: a row a class, in it a count for each predicted class.
 * @param logits one a sample for two classes, else one a class
 */
export function confusionOf(logits: Float32Array, labels: ArrayLike<number>): number[][] {
  const width = logits.length / labels.length;
  const classes = Math.max(width, 2);
  const counts = Array.from({ length: classes }, () => new Array<number>(classes).fill(0));
  for (let i = 0; i < labels.length; i++) {
    counts[labels[i]!]![predictedClass(logits.subarray(i * width, (i + 1) * width))]!++;
  }
  return counts;
}
