// The figures behind every claim as tables: pairs.csv, epochs.csv and predictions.csv. Names are Herd's own and values are
// numbers, so nothing needs quotes but the names of more than two classes.
import { probabilitiesOf } from "../../shared/predictions.ts";
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

/**
 * A row a test image: its id, its class by number, and of the last epoch of each training a column with the logit, or for
 * more than two classes one a class with its probability.
 */
function predictions({ run, dataset, trainings }: Snapshot): string {
  if (run === null || dataset === null) throw new RangeError("A run that has not begun has no predictions");
  const { ids, labels } = dataset.test;
  const finished = inOrder(trainings, run).filter(({ testLogits }) => testLogits.length > 0);
  const columns = finished.flatMap(({ key, testLogits }) => {
    const width = testLogits.length / ids.length;
    if (width === 1) return [{ name: runName(key), at: (row: number) => testLogits[row] }];
    const probabilities = ids.map((_, row) =>
      probabilitiesOf(Float32Array.from(testLogits.slice(row * width, (row + 1) * width)))
    );
    return dataset.info.classes.map((name, label) => ({
      name: quoted(`${runName(key)}/${name}`),
      at: (row: number) => probabilities[row]![label],
    }));
  });
  const rows = ids.map((id, row) => [id, labels[row], ...columns.map(({ at }) => at(row))]);
  return table(["test_image", "class", ...columns.map(({ name }) => name)], rows);
}

function table(head: readonly string[], rows: readonly (readonly (string | number | null | undefined)[])[]): string {
  return [head, ...rows].map((row) => `${row.map((cell) => cell ?? "").join(",")}\n`).join("");
}

/** As RFC 4180 has it: a folder may be called anything. */
function quoted(name: string): string {
  return /[",\r\n]/.test(name) ? `"${name.replaceAll('"', '""')}"` : name;
}

function snake(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
