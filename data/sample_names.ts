// What the images of a data set are called, for people: the packed file has numbers only.
import { join } from "node:path";
import { HerdError } from "../shared/errors.ts";
import { isThere } from "./cache.ts";
import type { DatasetInfo, ImageSource, Split } from "./dataset_info.ts";
import { openImageFiles, REAL_NAME } from "./image_files.ts";
import { TRAIN_ZIP } from "./image_layout.ts";
import { PROCEDURAL_NAME, proceduralSource } from "./procedural.ts";
import type { ResolveOptions } from "./resolve.ts";

/**
 * The files of a split by sample id. Where they are not there any more, or are others than those that were packed, the images
 * have numbers: "test image 12".
 * @param options as the data set was found by them
 */
export async function sampleNames(
  options: Pick<ResolveOptions, "data" | "validationSplit" | "environment">,
  info: DatasetInfo,
  split: Split,
): Promise<string[]> {
  const numbers = Array.from({ length: info[split] }, (_, id) => `${split} image ${id}`);
  using source = await sourceOf(options, info);
  if (source === undefined) return numbers;
  const skipped = new Set(info.skipped.files);
  const names = Array.from(source.labels[split], (_, id) => source.describe(split, id));
  const kept = names.filter((name) => !skipped.has(name));
  return kept.length === numbers.length ? kept : numbers;
}

async function sourceOf(
  { data, validationSplit, environment: { dataDir, cacheDir } }: Parameters<typeof sampleNames>[0],
  { name }: DatasetInfo,
): Promise<ImageSource | undefined> {
  if (data === PROCEDURAL_NAME || (data === "auto" && name === PROCEDURAL_NAME && !dataDir)) return proceduralSource();
  const isNamed = data === "auto" || data === REAL_NAME;
  const path = isNamed ? dataDir || join(cacheDir, "downloads", TRAIN_ZIP) : data;
  try {
    return isThere(path) ? await openImageFiles(path, { validationSplit }) : undefined;
  } catch (error) {
    if (error instanceof HerdError) return undefined;
    throw error;
  }
}
