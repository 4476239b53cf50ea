// What a network says of a file, as a line: for people, or as JSON.
import { predictedClass, probabilitiesOf } from "../../shared/predictions.ts";
import { visible } from "../../shared/visible.ts";
import type { FileAnswer } from "./answers.ts";

/** "photos/1.png  humans  horses 0.0123  humans 0.9877": one line, whatever the file is called. @param classes by label */
export function textOf({ file, logits }: FileAnswer, classes: readonly string[]): string {
  const probabilities = probabilitiesOf(logits).map((p, label) => `${classes[label]} ${p.toFixed(4)}`);
  return visible([file, classes[predictedClass(logits)], ...probabilities].join("  "));
}

/** The same as a JSON object: file, class, probabilities by class. */
export function jsonOf({ file, logits }: FileAnswer, classes: readonly string[]): string {
  const probabilities = Object.fromEntries(probabilitiesOf(logits).map((p, label) => [classes[label], p]));
  return JSON.stringify({ file, class: classes[predictedClass(logits)], probabilities });
}
