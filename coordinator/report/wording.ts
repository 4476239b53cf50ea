// What a report says in sentences, the same on the terminal and on the page.
import { describePosition, type Taint } from "../events/mod.ts";
import type { Interval, Metric, Report } from "./report.ts";

/** What was compressed, in a sentence; "" if nothing was. */
export function describeCompression({ compress, compressGradients }: Report): string {
  if (compress === "none") return "";
  return `Weights${compressGradients ? " and gradients" : ""} travelled as ${compress}.`;
}

/** Why the time of an arm is not known, in a sentence; "" if all are. */
export function describeTimes({ arms }: Report): string {
  if (arms.every(({ trainSeconds }) => trainSeconds !== null)) return "";
  return "Where no time is told, the first step of a process, which is not timed, was the only one of its size in its epoch.";
}

/** Why another run of the same config may get different bits, in a sentence; "" if it gets the same. */
export function describeIdentity({ bitIdentical, compressGradients }: Report): string {
  if (bitIdentical) return "";
  const why = compressGradients
    ? "gradients were compressed"
    : "workers computed, or may have computed, different bits";
  return `Bit-identity is off: ${why}.`;
}

/** "w3 on host, since arm gc, epoch 2, step 1 of 9" */
export function nameTaints(taints: readonly Taint[]): string {
  const seeds = new Set(taints.map(({ since }) => since.key.seed));
  return taints.map(({ worker, host, since }) => {
    const who = `${worker}${host === "" ? "" : ` on ${host}`}`;
    return `wrong answers of ${who}, since ${describePosition(since, [...seeds])}`;
  }).join("; ");
}

/** That a result is not to be trusted, and why, in a sentence; "" if it may be. */
export function describeTaints({ taints }: Report): string {
  if (taints.length === 0) return "";
  return `TAINTED: in this result there are ${nameTaints(taints)}: do not rely on it.`;
}

/** What was checked by computing it again, and what that is worth, in sentences; "" if nothing was to be. */
export function describeVerification({ verification }: Report): string {
  const { share, compared, impossible, differing, chanceToBeCaught } = verification;
  if (share === 0) return "";
  const percent = (part: number) => `${Math.round(1000 * part) / 10} %`;
  const risks = (kind: "onPurpose" | "atRandom") =>
    chanceToBeCaught.map(({ falsified, [kind]: chance }) => `${percent(falsified)} of them ${percent(chance)}`).join(
      ", ",
    );
  const unknown = impossible === 0 ? "" : ", and of those nothing is known: no other worker has their fingerprint";
  return `Verified: second workers computed ${compared} answers again, and ${differing} differed; ${impossible} could not ` +
    `be computed again${unknown}. A worker that falsifies answers, and is not checked by accomplices, is caught within an ` +
    `epoch with a chance of at least: for ${risks("onPurpose")}; whose answers are wrong at random: ${
      risks("atRandom")
    }.`;
}

/** The part of the largest class: what guessing it always would score. */
export function chanceAccuracy(classes: Report["dataset"]["classes"], split: "train" | "test"): number {
  const counts = Object.values(classes).map((pair) => pair[split === "train" ? 0 : 1]);
  return Math.max(...counts) / counts.reduce((a, b) => a + b, 0);
}

const METRIC_WORDS: Readonly<Record<Metric, string>> = {
  testAuc: "test AUC",
  testLoss: "test loss",
  testAccuracy: "test accuracy",
  loss: "training loss",
  accuracy: "training accuracy",
  seconds: "training time",
};

/** "test AUC"; "macro test AUC" of more than two classes, where it is a mean over them */
export function describeMetric(metric: Metric, classes: number): string {
  const words = METRIC_WORDS[metric];
  return metric === "testAuc" && classes > 2 ? `macro ${words}` : words;
}

/** What is another figure with more than two classes, or is missing, in sentences; "" for two. */
export function describeMacro({ dataset }: Report): string {
  if (dataset.classNames.length <= 2) return "";
  return "Macro test AUC is the mean over the classes of each one's area against the rest. DeLong's test and the crossed " +
    "interval are of two classes: with more there are none, and the intervals are of the seeds' error alone.";
}

/** "(95 %: −0.01 to 0.03)" */
export function describeInterval([low, high]: Interval, format: (value: number) => string): string {
  return `(95 %: ${format(low)} to ${format(high)})`;
}
