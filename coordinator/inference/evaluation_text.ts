// An evaluation as lines of text.
import { columns } from "../../shared/cli/format.ts";
import type { Evaluation } from "./evaluation.ts";

/** Loss, accuracy, AUC, confusion matrix and calibration. */
export function evaluationLines(evaluation: Evaluation): string[] {
  const { classes, images, correct, loss, accuracy, accuracy95: [low, high], auc, confusion } = evaluation;
  const { bins, expectedError, brier } = evaluation.calibration;
  const largest = Math.max(...confusion.map((row) => row.reduce((a, b) => a + b, 0))) / images;
  const interval = `95 % interval ${figure(low)} to ${figure(high)}`;
  const kind = classes.length > 2 ? " (mean over the classes, each against the others)" : "";
  return [
    `Loss      ${figure(loss)}`,
    `Accuracy  ${figure(accuracy)} (${correct} of ${images}; ${interval}); chance ${figure(largest)}`,
    `AUC       ${auc === null ? "–" : figure(auc)}${auc === null ? "" : kind}`,
    "",
    "Confusion: a row a class, a column a prediction",
    ...rightAligned([["", ...classes], ...confusion.map((row, label) => [classes[label]!, ...row.map(String)])]),
    "",
    `Calibration: expected error ${figure(expectedError)}, Brier score ${figure(brier)}`,
    ...rightAligned([
      ["confidence", "images", "mean", "accuracy"],
      ...bins.filter(({ images }) => images > 0).map((bin) => [
        `${bin.low.toFixed(1)}–${bin.high.toFixed(1)}`,
        String(bin.images),
        figure(bin.confidence!),
        figure(bin.accuracy!),
      ]),
    ]),
  ];
}

function figure(value: number): string {
  return value.toFixed(4);
}

/** All cells but the first of a row end below each other. */
function rightAligned(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]!.map((_, i) => Math.max(...rows.map((row) => row[i]!.length)));
  return columns(rows.map((row) => row.map((cell, i) => i === 0 ? cell : cell.padStart(widths[i]!)))).map((line) =>
    `  ${line}`
  );
}
