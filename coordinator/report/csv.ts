// The figures behind every claim as tables: pairs.csv, epochs.csv and predictions.csv. Names are Herd's own and values are
// numbers, so nothing needs quotes.
import { runName } from "../events/mod.ts";
import type { Snapshot } from "../events/mod.ts";
import { inOrder } from "../events/mod.ts";
import { METRICS, type Report } from "./report.ts";

/** The tables of a run by file name. */
export type Tables = Readonly<Record<"pairs.csv" | "epochs.csv" | "predictions.csv", string>>;

/** The tables of a run. @throws {RangeError} if it has not begun */
export function tablesOf(report: Report, snapshot: Snapshot): Tables {
  return { "pairs.csv": pairs(report), "epochs.csv": epochs(report), "predictions.csv": predictions(snapshot) };
}

/** A row a pair: what was compared, both values of each metric, and DeLong's test of the areas. */
function pairs({ pairs }: Report): string {
  const columns = METRICS.flatMap((metric) => [`${snake(metric)}_baseline`, `${snake(metric)}_arm`]);
  const head = ["seed", "learning_rate", "role", "baseline", "arm", "diverged", ...columns];
  const rows = pairs.map(({ seed, learningRate, role, baseline, arm, diverged, values, delong }) => [
    ...[seed, learningRate, role, baseline, arm, diverged],
    ...METRICS.flatMap((metric) => values[metric]),
    ...[delong?.difference, delong?.standardError, delong?.p],
  ]);
  return table([...head, "delong_difference", "delong_standard_error", "delong_p"], rows);
}

/** A row a training and epoch. */
function epochs({ arms }: Report): string {
  const names = [
    ...["loss", "accuracy", "testLoss", "testAccuracy", "testAuc", "testMeanProbability"],
    ...["seconds", "testSeconds", "imagesPerSecond", "bytesUp", "bytesDown"],
  ] as const;
  const rows = arms.flatMap(({ arm, seed, learningRate, role, epochs }) =>
    epochs.map((epoch) => [arm, seed, learningRate, role, epoch.epoch, ...names.map((name) => epoch[name as "loss"])])
  );
  return table(["arm", "seed", "learning_rate", "role", "epoch", ...names.map(snake)], rows);
}

/** A row a test image: its id, its class, and a column a training with the logit of its last epoch, or one a class. */
function predictions({ run, dataset, trainings }: Snapshot): string {
  if (run === null || dataset === null) throw new RangeError("A run that has not begun has no predictions");
  const { ids, labels } = dataset.test;
  const finished = inOrder(trainings, run).filter(({ testLogits }) => testLogits.length > 0);
  const columns = finished.flatMap(({ key, testLogits }) => {
    const width = testLogits.length / ids.length;
    const name = (i: number) => width === 1 ? runName(key) : `${runName(key)}/${i}`;
    return Array.from(
      { length: width },
      (_, i) => ({ name: name(i), at: (row: number) => testLogits[row * width + i] }),
    );
  });
  const rows = ids.map((id, row) => [id, labels[row], ...columns.map(({ at }) => at(row))]);
  return table(["test_image", "class", ...columns.map(({ name }) => name)], rows);
}

function table(head: readonly string[], rows: readonly (readonly (string | number | null | undefined)[])[]): string {
  return [head, ...rows].map((row) => `${row.map((cell) => cell ?? "").join(",")}\n`).join("");
}

function snake(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
