// How much a data set gives away by colour alone. The figures of the procedural set must not be told apart by it.
import type { DatasetInfo, Split } from "./dataset_info.ts";
import { PackedDataset } from "./packed_dataset.ts";

const STEPS = 3000;
/** Rows that are gone through in all steps, times classes: very large sets get fewer steps. */
const MOST_WORK = 1e8;
const RATE = 0.5;

/** So much better than naming the larger class always, and colour tells the classes apart. */
const TELLING = 0.1;

/** What colour alone gives away. */
export interface DatasetCheck {
  /** The data set that was looked at. */
  readonly info: DatasetInfo;
  /** Test accuracy, 0 … 1, of a multinomial logistic regression on the mean red, green and blue of an image. */
  readonly meanColourAccuracy: number;
  /** Whether that is more than 0.1 above the larger class's share of the test images: such a set shows little. */
  readonly separatesByColour: boolean;
}

/**
 * Reads every image of a packed data set once.
 * @param path as {@linkcode resolveDataset} returns it
 * @throws {HerdError} data, if the file is damaged
 */
export function checkDataset(path: string): DatasetCheck {
  using dataset = PackedDataset.open(path);
  const { info } = dataset;
  const accuracy = meanColourAccuracy(dataset);
  const chance = Object.values(info.classCounts).reduce((most, [, test]) => Math.max(most, test), 0) / info.test;
  return { info, meanColourAccuracy: accuracy, separatesByColour: accuracy > chance + TELLING };
}

/** Fits a multinomial logistic regression on mean colours of the training images; returns its accuracy on the test images. */
function meanColourAccuracy(dataset: PackedDataset): number {
  const [train, test] = [meanColours(dataset, "train"), meanColours(dataset, "test")];
  const scales = [0, 1, 2].map((channel) => scaleOf(train.map((row) => row[channel]!)));
  const features = (rows: readonly number[][]) =>
    rows.map((row) => [1, ...row.map((value, i) => (value - scales[i]!.mean) / scales[i]!.deviation)]);
  const weights = fit(features(train), dataset.labels("train"), dataset.info.classes.length);
  const labels = dataset.labels("test");
  const correct = features(test).filter((row, id) => largest(logits(weights, row)) === labels[id]).length;
  return correct / test.length;
}

function meanColours(dataset: PackedDataset, split: Split): number[][] {
  const image = new Uint8Array(dataset.info.imageSize ** 2 * 3);
  return Array.from({ length: dataset.info[split] }, (_, id) => {
    dataset.read(split, id, image);
    let [red, green, blue] = [0, 0, 0];
    for (let i = 0; i < image.length; i += 3) {
      red += image[i]!;
      green += image[i + 1]!;
      blue += image[i + 2]!;
    }
    return [red, green, blue].map((sum) => sum / (image.length / 3));
  });
}

function scaleOf(values: readonly number[]): { mean: number; deviation: number } {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
  // A channel that never varies says nothing; any divisor does.
  return { mean, deviation: Math.sqrt(variance) || 1 };
}

/**
 * Gradient descent on the mean log loss; standardized features make a fixed rate converge.
 * @returns the weights of each class but the first, whose logit is 0
 */
function fit(rows: readonly number[][], labels: Uint8Array, classes: number): number[][] {
  const zeros = () => Array.from({ length: classes - 1 }, () => [0, 0, 0, 0]);
  const weights = zeros();
  const steps = Math.min(STEPS, Math.ceil(MOST_WORK / (rows.length * classes)));
  for (let step = 0; step < steps; step++) {
    const gradients = zeros();
    for (const [id, row] of rows.entries()) {
      const odds = logits(weights, row);
      let sum = 0;
      for (let i = 0; i < classes; i++) sum += odds[i] = Math.exp(odds[i]!);
      for (let i = 1; i < classes; i++) {
        const error = odds[i]! / sum - Number(labels[id] === i);
        for (let j = 0; j < 4; j++) gradients[i - 1]![j]! += error * row[j]!;
      }
    }
    for (const [i, own] of weights.entries()) {
      for (let j = 0; j < 4; j++) own[j]! -= RATE * gradients[i]![j]! / rows.length;
    }
  }
  return weights;
}

function logits(weights: readonly number[][], [one, red, green, blue]: readonly number[]): number[] {
  const values = [0];
  for (const own of weights) values.push(own[0]! * one! + own[1]! * red! + own[2]! * green! + own[3]! * blue!);
  return values;
}

/** The first of the largest. */
function largest(values: readonly number[]): number {
  return values.indexOf(Math.max(...values));
}
