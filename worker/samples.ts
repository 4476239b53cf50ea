// Samples for a worker, read from a packed data set file.
import { PackedDataset } from "../data/mod.ts";
import type { SampleSource } from "./session.ts";

/** Opens a packed file; pixels are read when asked for. @throws {HerdError} data, if it is not a whole packed file */
export function samplesFrom(path: string): SampleSource {
  const dataset = PackedDataset.open(path);
  const bytes = dataset.info.imageSize ** 2 * dataset.info.channels;
  // Buffers are used again: fresh ones are 270 kB a sample, which the garbage collector leaves lying for long.
  const buffers: Uint8Array<ArrayBuffer>[] = [];
  return {
    read(split, id, slot) {
      const pixels = dataset.read(split, id, buffers[slot] ??= new Uint8Array(bytes));
      return { id, label: dataset.label(split, id), pixels };
    },
    [Symbol.dispose]: () => dataset[Symbol.dispose](),
  };
}
