// --limit: which images a shortened run keeps.
import { HerdError } from "../shared/errors.ts";
import { permutation, Purpose } from "../shared/threefry.ts";
import { type Split, SPLITS } from "./dataset_info.ts";

/** Labels by sample id: a PackedDataset, or plain arrays. */
export type Labelled = { labels(split: Split): Uint8Array } | Readonly<Record<Split, Uint8Array>>;

/** Not the run's seed: the pairs of a comparison must see the same data. */
const CONSTANT_SEED = 0;

/**
 * The sample ids that remain under `--limit`, ascending; null keeps all. Of the training images it is the first `limit`
 * of a constant class-balanced permutation, of the test images the first ⌈limit/4⌉ (or all, if there are fewer). So a
 * larger limit only adds images, and the classes' counts differ by at most one until a class runs out.
 * @throws {HerdError} usage, for a limit that is not a whole number from 1 to the number of training images
 */
export function limitSplit(data: Labelled, limit: number | null): Record<Split, Uint32Array> {
  const labels = (split: Split) => "labels" in data ? data.labels(split) : data[split];
  const [train, test] = SPLITS.map((split) => balancedOrder(labels(split), split)) as [Uint32Array, Uint32Array];
  if (limit === null) return { train: train.sort(), test: test.sort() };
  if (!Number.isInteger(limit) || limit < 1) {
    throw new HerdError("usage", `--limit must be a whole number from 1 on: it is ${limit}`);
  }
  if (limit > train.length) {
    throw new HerdError(
      "usage",
      `--limit ${limit} is more than the ${train.length} training images: give at most ${train.length}`,
    );
  }
  return { train: train.slice(0, limit).sort(), test: test.slice(0, Math.ceil(limit / 4)).sort() };
}

/** All ids of a split, the classes taking turns, each in a constant random order. */
function balancedOrder(labels: Uint8Array, split: Split): Uint32Array {
  const members: number[][] = [];
  for (const [id, label] of labels.entries()) {
    while (members.length <= label) members.push([]);
    members[label]!.push(id);
  }
  const queues = members.map((ids, label) => {
    const draw = 1 + 2 * SPLITS.indexOf(split) + label;
    return permutation(ids.length, CONSTANT_SEED, Purpose.limit, draw).map((i) => ids[i]!);
  });
  const order = new Uint32Array(labels.length);
  let taken = 0;
  for (let turn = 0; taken < order.length; turn++) {
    for (const queue of queues) if (turn < queue.length) order[taken++] = queue[turn]!;
  }
  return order;
}
