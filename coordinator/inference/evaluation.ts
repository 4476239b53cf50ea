// What a network's answers to images of known classes say of it. Everything here is pure.
import { predictedClass, probabilitiesOf } from "../../shared/predictions.ts";
import type { Predictions } from "../../shared/sums.ts";
import { confusionOf, MetricsAccumulator, rankingOf } from "../experiment/mod.ts";
import { type Calibration, calibration, type Interval, wilsonInterval } from "../statistics/mod.ts";

/** What is said of one image. */
export interface ImageAnswer {
  /** Its place among those that were evaluated. */
  readonly index: number;
  /** Its class. */
  readonly label: number;
  /** The class that the network names. */
  readonly predicted: number;
  /** One a class, by label; they add up to 1. */
  readonly probabilities: readonly number[];
}

/** The figures of an evaluation. */
export interface Evaluation {
  /** The names of the classes by label. */
  readonly classes: readonly string[];
  /** How many images there were. */
  readonly images: number;
  /** How many of them got their class. */
  readonly correct: number;
  /** Mean cross entropy, as in training's test. */
  readonly loss: number;
  /** Part of the images whose class is right. */
  readonly accuracy: number;
  /** Wilson's 95 % interval of the accuracy. */
  readonly accuracy95: Interval;
  /** Area under the ROC curve, as in training's test: the macro average for more than two classes; null where one is missing. */
  readonly auc: number | null;
  /** Images by their class, and within it by the class that was predicted. */
  readonly confusion: readonly (readonly number[])[];
  /** Whether probabilities mean what they say. */
  readonly calibration: Calibration;
  /** In the order of their coming. */
  readonly answers: readonly ImageAnswer[];
}

/**
 * The figures that follow from predictions.
 * @param labels the class of each image, in the order of the predictions; at least one
 */
export function evaluationOf(
  { losses, logits }: Predictions,
  labels: Uint8Array,
  classes: readonly string[],
): Evaluation {
  const metrics = new MetricsAccumulator();
  metrics.add(losses, logits, labels);
  const { correct } = metrics.sums;
  const { loss, accuracy } = metrics.result();
  const width = logits.length / losses.length;
  const answers = Array.from(labels, (label, index): ImageAnswer => {
    const own = logits.subarray(index * width, (index + 1) * width);
    return { index, label, predicted: predictedClass(own), probabilities: probabilitiesOf(own) };
  });
  return {
    classes,
    images: labels.length,
    correct,
    loss,
    accuracy,
    accuracy95: wilsonInterval(correct, labels.length),
    auc: rankingOf(logits, labels).testAuc,
    confusion: confusionOf(logits, labels),
    calibration: calibration(
      answers.map(({ probabilities }) => probabilities),
      labels,
      answers.map(({ predicted }) => predicted),
    ),
    answers,
  };
}

/** Those that got another class than theirs, the surest of it first; at most so many. */
export function mostWrong({ answers }: Evaluation, most: number): ImageAnswer[] {
  const wrong = answers.filter(({ label, predicted }) => label !== predicted);
  const own = ({ label, probabilities }: ImageAnswer) => probabilities[label]!;
  return wrong.sort((a, b) => own(a) - own(b) || a.index - b.index).slice(0, most);
}
