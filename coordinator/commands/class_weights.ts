// --class-weights: how much a training image counts by its class.
import { HerdError } from "../../shared/errors.ts";
import type { SplitData } from "../experiment/mod.ts";

/** What --class-weights takes. */
export const CLASS_WEIGHTS = ["none", "balanced"] as const;

/**
 * Images by (classes · images of the class), over the training images that are used, as Keras's users and scikit-learn
 * weigh them: every class then has the same part in the loss, and the mean weight of an image is 1.
 * @param classes their names by label
 * @returns float32 values by class, as the engines multiply
 * @throws {HerdError} usage, if a class has no training image
 */
export function balancedWeights(classes: readonly string[], { ids, labels }: SplitData): number[] {
  const counts = new Array<number>(classes.length).fill(0);
  for (const id of ids) counts[labels[id]!]!++;
  const without = counts.indexOf(0);
  if (without >= 0) {
    const who = `'${classes[without]}' has none among the ${ids.length} that are used`;
    throw new HerdError(
      "usage",
      `--class-weights balanced asks for a training image of each class, and ${who}: give a larger --limit`,
    );
  }
  return counts.map((count) => Math.fround(ids.length / (classes.length * count)));
}
