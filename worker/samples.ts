// Samples for a worker, read from a packed data set file.
import { PackedDataset, type Split } from "../data/mod.ts";
import type { Sample } from "./engine.ts";

/** Where the samples come from: the coordinator's cache file, or a copy fetched from it. */
export interface SampleSource extends Disposable {
  /** A sample; its pixels are valid until the same slot is read into again. */
  read(split: Split, id: number, slot: number): Sample;
}

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
