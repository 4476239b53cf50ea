// The result of a run as text, for the end of a run and for the report command.
import { describeSkipped } from "../../data/mod.ts";
import { describeFaults } from "../events/mod.ts";
import type { Report } from "./report.ts";
import {
  chanceAccuracy,
  describeCompression,
  describeIdentity,
  describeTaints,
  describeTimes,
  describeVerification,
} from "./wording.ts";

const ARM_TITLES: Readonly<Record<string, string>> = {
  "no-gc": "Not using Gradient Centralization",
  gc: "Using Gradient Centralization",
  "gc-update": "Using Gradient Centralization of the update",
};

/** The result as the original example prints it, with test figures, chance and the differences. */
export function finalBlock(report: Report): string[] {
  const lines: string[] = [];
  const tainted = describeTaints(report);
  if (tainted !== "") lines.push("", tainted);
  if (report.dataset.fallback) lines.push("", "PROCEDURAL DATA: THE REAL IMAGES COULD NOT BE FETCHED");
  if (report.dataset.skipped.count > 0) lines.push("", describeSkipped(report.dataset.skipped));
  const chance = (split: "train" | "test") => `(chance ${chanceAccuracy(report.dataset.classes, split).toFixed(4)})`;
  for (const { arm, epochs, trainSeconds, weightsSha256 } of report.arms) {
    const last = epochs.at(-1);
    if (last === undefined) continue;
    lines.push(
      "",
      ARM_TITLES[arm] ?? arm,
      `  Loss: ${last.loss.toFixed(6)}`,
      `  Accuracy: ${last.accuracy.toFixed(6)} ${chance("train")}`,
      `  Training Time: ${trainSeconds === null ? "not known" : `${trainSeconds.toFixed(2)} s`}`,
      `  Test loss: ${last.testLoss.toFixed(6)}`,
      `  Test accuracy: ${last.testAccuracy.toFixed(6)} ${chance("test")}`,
      `  Weights: ${weightsSha256}`,
    );
  }
  const others = new Set(report.comparison.map(({ arm }) => arm));
  for (const arm of others) {
    const entries = report.comparison.filter((entry) => entry.arm === arm);
    lines.push("", `Difference (${arm} − ${entries[0]!.baseline})`);
    for (const { metric, meanDifference, verdict } of entries) {
      lines.push(`  ${metric}: ${meanDifference >= 0 ? "+" : ""}${meanDifference.toFixed(6)}  ${verdict}`);
    }
  }
  const faults = describeFaults(report.faults);
  if (faults !== "") lines.push("", `Faults mended: ${faults}.`);
  const notes = [describeTimes, describeVerification, describeCompression, describeIdentity].map((describe) =>
    describe(report)
  ).filter((line) => line !== "");
  if (notes.length > 0) lines.push("", ...notes);
  if (!report.complete) lines.push("", "This run was broken off.");
  return lines;
}
