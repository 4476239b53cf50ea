// What a run was told, and the images that it used.
import type { NumericConfig, SplitData } from "../../coordinator/experiment/mod.ts";
import { readRunConfig } from "../../coordinator/storage/mod.ts";
import { dataEnvironment, limitSplit, PackedDataset, resolveDataset, type Split } from "../../data/mod.ts";
import { HerdError } from "../../shared/errors.ts";
import type { Sample } from "../../worker/engine.ts";

/** A run's data, as its configuration says. */
export interface RunData {
  readonly numeric: NumericConfig;
  /** Which images of a split the run took, or would have taken with a smaller --limit, and the labels of all. */
  split(split: Split, smaller?: number): SplitData;
  /** These images. */
  samples(split: Split, smaller?: number): readonly Sample[];
}

/**
 * Opens the data set that the environment names, if it is the run's.
 * @param folder the run's
 * @throws {HerdError} data, if the folder is no run's, or the data set is another
 */
export async function openRunData(folder: string): Promise<RunData> {
  const { numeric } = await readRunConfig(folder);
  const { compute: { model, dataset }, limit } = numeric;
  const environment = dataEnvironment(Deno.env.toObject());
  const { path, info } = await resolveDataset({ data: "auto", imageSize: model.imageSize, environment });
  if (info.sha256 !== dataset) {
    const [here, there] = [info.sha256.slice(0, 16), dataset.slice(0, 16)];
    const what = `The data set ${info.name} has SHA-256 ${here}…, and the run in ${folder} used ${there}…`;
    throw new HerdError("data", `${what}: name that one by HERD_DATA_DIR`);
  }
  const split = (split: Split, smaller = Infinity) => {
    using data = PackedDataset.open(path);
    const most = Math.min(limit ?? info.train, smaller);
    return { ids: limitSplit(data, most < info.train ? most : null)[split], labels: data.labels(split) };
  };
  const samples = (name: Split, smaller?: number) => {
    const { ids, labels } = split(name, smaller);
    using data = PackedDataset.open(path);
    return Array.from(ids, (id) => ({ id, label: labels[id]!, pixels: data.read(name, id) }));
  };
  return { numeric, split, samples };
}
