// Samples for a worker, read from a packed data set file.
import { PackedDataset } from "../data/mod.ts";
import type { SampleSource } from "./session.ts";

/** Opens a packed file; pixels are read when asked for. @throws {HerdError} data, if it is not a whole packed file */
export function samplesFrom(path: string): SampleSource {
  const dataset = PackedDataset.open(path);
  return {
    read: (split, id) => ({ id, label: dataset.label(split, id), pixels: dataset.read(split, id) }),
    [Symbol.dispose]: () => dataset[Symbol.dispose](),
  };
}
