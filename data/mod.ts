// Data sets: finding, fetching, decoding, drawing and packing images, reading them back, and the cache that holds them.
export { type DataProgress, type DatasetInfo, type Skipped, type Split } from "./dataset_info.ts";
export { cacheDirectory, tilesFileIn } from "./cache.ts";
export { dataCommand, type DataParts, type Trial, type TrialStep } from "./commands/data.ts";
export { dataEnvironment } from "./environment.ts";
export { dataFlags } from "./flags.ts";
export { type DecodedFile, decodeFiles, type DecodeOptions, imageFile, type ImageInput } from "./decode_files.ts";
export type { SquareImage } from "./square_image.ts";
export { PackedDataset } from "./packed_dataset.ts";
export { type DataEnvironment, resolveDataset, type ResolvedDataset, type ResolveOptions } from "./resolve.ts";
export { type Labelled, limitSplit } from "./limit.ts";
export { ServedDataset } from "./served_dataset.ts";
export { ChunkedCacheWriter } from "./chunked_cache_writer.ts";
export { type CacheFile, type CacheKind, type CacheReport, cleanCache, describeCache } from "./clean.ts";
export { type LogFolder, openLogFolder } from "./log_folder.ts";
export { checkDataset, type DatasetCheck } from "./check.ts";
export { describeDataset, describeSkipped, progressLines } from "./describe.ts";
