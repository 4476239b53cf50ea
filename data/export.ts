// A packed data set as a folder of PNG files, which is a data set again: class folders below train/ and validation/.
import { encode } from "fast-png";
import { join } from "node:path";
import { HerdError } from "../shared/errors.ts";
import { isThere, makeDirectory, writeFailure } from "./cache.ts";
import { type DataProgress, type Split, SPLITS } from "./dataset_info.ts";
import { PROCEDURAL_NAME } from "./procedural.ts";
import { PackedDataset } from "./packed_dataset.ts";

const FOLDERS: Readonly<Record<Split, string>> = { train: "train", test: "validation" };

/** Drawn horses and humans must not be taken for the real ones, which are known by these names. */
const DRAWN = "drawn-";

/**
 * Writes each image into a file of its own, under the rank that it has in its split.
 * @param path as {@linkcode resolveDataset} returns it
 * @param folder is made; it must not be there yet
 * @throws {HerdError} data, if it is there or cannot be written; the signal's reason, when aborted
 */
export async function exportDataset(
  path: string,
  folder: string,
  { signal, onProgress }: { readonly signal: AbortSignal; onProgress(progress: DataProgress): void },
): Promise<void> {
  if (isThere(folder)) throw new HerdError("data", `'${folder}' is there already: give --export a new folder`);
  using dataset = PackedDataset.open(path);
  const { info } = dataset;
  const classes = info.classes.map((name) => info.name === PROCEDURAL_NAME ? `${DRAWN}${name}` : name);
  const total = info.train + info.test;
  let done = 0;
  for (const split of SPLITS) {
    for (const name of classes) makeDirectory(join(folder, FOLDERS[split], name));
    for (const [id, label] of dataset.labels(split).entries()) {
      signal.throwIfAborted();
      const data = dataset.read(split, id);
      const png = encode({ width: info.imageSize, height: info.imageSize, data, channels: 3, depth: 8 });
      const file = join(folder, FOLDERS[split], classes[label]!, `${String(id).padStart(5, "0")}.png`);
      await Deno.writeFile(file, png, { createNew: true }).catch((error) => {
        throw writeFailure(file, error);
      });
      onProgress({ phase: "export", done: ++done, total, unit: "images" });
    }
  }
}
