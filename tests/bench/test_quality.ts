// What a test set says of binary logits: as it is tested, as the ranking is, and at the threshold that would have been best.
import { MetricsAccumulator } from "../../coordinator/experiment/metrics.ts";
import { auc } from "../../coordinator/statistics/mod.ts";
import { lossesOf } from "../../worker/loss.ts";

/** Figures of one evaluation. */
export interface Quality {
  /** Mean binary cross entropy. */
  readonly loss: number;
  /** Share of the images on the right side of probability 0.5. */
  readonly accuracy: number;
  /** Area under the ROC curve: the ranking alone. */
  readonly auc: number;
  /** Mean probability of class 1; that of a calibrated model is the share of that class. */
  readonly meanProbability: number;
  /** The probabilities that 5 % and 95 % of the images lie below. */
  readonly low: number;
  readonly high: number;
  /** The greatest accuracy at any threshold, and that threshold; found on the same images, so it is optimistic. */
  readonly bestAccuracy: number;
  readonly bestThreshold: number;
}

/**
 * The figures of one evaluation.
 * @param logits one an image
 * @param labels 0 or 1
 */
export function qualityOf(logits: Float32Array, labels: readonly number[]): Quality {
  const metrics = new MetricsAccumulator();
  metrics.add(lossesOf(logits, labels, 1), logits, labels);
  const order = Array.from(logits, (logit, i) => ({ probability: logistic(logit), label: labels[i]! }))
    .sort((a, b) => a.probability - b.probability);
  const at = (share: number) => order[Math.round(share * (order.length - 1))]!.probability;
  return {
    ...metrics.result(),
    auc: auc(logits, labels),
    meanProbability: order.reduce((sum, { probability }) => sum + probability, 0) / order.length,
    low: at(0.05),
    high: at(0.95),
    ...bestOf(order),
  };
}

/** The logistic function. */
export function logistic(logit: number): number {
  return 1 / (1 + Math.exp(-logit));
}

/** Its inverse. */
export function logitOf(probability: number): number {
  return Math.log(probability) - Math.log1p(-probability);
}

/** The least of the best thresholds: halfway between two probabilities that differ, or at an end. @param order ascending */
function bestOf(order: readonly { readonly probability: number; readonly label: number }[]) {
  let correct = order.filter(({ label }) => label === 1).length; // all are above 0
  let best = { bestAccuracy: correct / order.length, bestThreshold: 0 };
  order.forEach(({ probability, label }, i) => {
    correct += label === 0 ? 1 : -1;
    const next = order[i + 1]?.probability ?? 1;
    if (next === probability || correct / order.length <= best.bestAccuracy) return;
    best = { bestAccuracy: correct / order.length, bestThreshold: (probability + next) / 2 };
  });
  return best;
}
