// Samples for a worker, read from a packed data set file.
import { PackedDataset, type Split } from "../data/mod.ts";
import type { Sample } from "./engine.ts";

/** Where the samples come from: the coordinator's cache file, or a copy fetched from it. */
export interface SampleReader extends Disposable {
  /** A sample; its pixels are read when they are asked for, and valid until those of another are. */
  sample(split: Split, id: number): Sample;
  /** SHA-256 of the data set that they are of. */
  readonly sha256: string;
}

/** Opens a packed file. @throws {HerdError} data, if it is not a whole packed file */
export function samplesFrom(path: string): SampleReader {
  const dataset = PackedDataset.open(path);
  // One buffer for all: a worker's memory must not depend on how many leaves it is asked for.
  const pixels = new Uint8Array(dataset.info.imageSize ** 2 * dataset.info.channels);
  let held: Sample | undefined;
  return {
    sample(split, id) {
      const sample: Sample = {
        id,
        label: dataset.label(split, id),
        get pixels() {
          if (held !== sample) dataset.read(split, id, pixels);
          held = sample;
          return pixels;
        },
      };
      return sample;
    },
    sha256: dataset.info.sha256,
    [Symbol.dispose]: () => dataset[Symbol.dispose](),
  };
}
