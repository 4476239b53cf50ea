// From what the user asked for to a packed file: which source, and whether its packed file is there already.
import { join } from "node:path";
import { HerdError } from "../shared/errors.ts";
import { isThere, touch } from "./cache.ts";
import { cleanCache } from "./clean.ts";
import type { DataProgress, DatasetInfo, ImageSource } from "./dataset_info.ts";
import { type Deadlines, NoConnectionError } from "./download.ts";
import { type Archive, ARCHIVES, fetchArchives } from "./horses_or_humans.ts";
import { splitAlready, TRAIN_ZIP } from "./image_layout.ts";
import { collectImages, type MadeImages } from "./made_images.ts";
import { openImageFiles, REAL_NAME } from "./image_files.ts";
import { pack, packedPath } from "./pack.ts";
import { PackedDataset } from "./packed_dataset.ts";
import { PartFile } from "./part_file.ts";
import { type Counts, PROCEDURAL_NAME, proceduralSource } from "./procedural.ts";

/** Where data comes from and goes to; main.ts fills it from environment variables. */
export interface DataEnvironment {
  /** HERD_DATA_DIR: a copy of the real set, or any data set. */
  readonly dataDir?: string | undefined;
  /** HERD_DATA_URL: where the original archives are. */
  readonly dataUrl?: string | undefined;
  /** Herd's cache folder, made if it is missing: {@linkcode cacheDirectory}. */
  readonly cacheDir: string;
}

/** What is asked for. */
export interface ResolveOptions {
  /** "auto", "horses-or-humans", "procedural", or the path of a folder or zip file. */
  readonly data: string;
  /** Images that a program has made, instead of `data`. */
  readonly images?: MadeImages | undefined;
  /** Side of the images in pixels. */
  readonly imageSize: number;
  /**
   * The part, above 0, of each class's images that is kept for testing, where the data does not say which are; by default 0.2.
   * 1 keeps them all, for a set that is only evaluated, and is of no effect on one that has test images of its own.
   */
  readonly validationSplit?: number | undefined;
  /** Whether to go on without the image files that cannot be read. */
  readonly skipUnreadable?: boolean | undefined;
  /** Where data comes from and goes to. */
  readonly environment: DataEnvironment;
  /** Ends fetching and packing; what was downloaded stays for the next time. */
  readonly signal?: AbortSignal | undefined;
  /** Called after every piece of a download and every image. */
  readonly onProgress?: ((progress: DataProgress) => void) | undefined;
  /** Receives a line for people that they should not miss. */
  readonly onNotice?: ((text: string) => void) | undefined;
}

/** A data set ready to be opened with PackedDataset.open(). */
export interface ResolvedDataset {
  /** Its packed file, in the cache. */
  readonly path: string;
  /** What the data set says about itself. */
  readonly info: DatasetInfo;
  /** Whether the procedural set stands in for the real one because there was no connection. */
  readonly fallback: boolean;
}

/** What only tests replace. */
export interface Internals {
  readonly archives: readonly Archive[];
  readonly deadlines?: Deadlines;
  readonly counts?: Counts;
}

const MAX_IMAGE_SIZE = 4096;

/**
 * Finds the data set, fetches and packs what is missing, and returns its packed file. When that has added a file to the cache,
 * those that were not used for longest are removed until it is below 10 GB; none that is in use.
 * @throws {HerdError} usage, for an impossible image size; data, for everything that is wrong with the data or the cache; the
 * signal's reason, when aborted
 */
export function resolveDataset(options: ResolveOptions): Promise<ResolvedDataset> {
  return resolveWith(options, { archives: ARCHIVES });
}

/** resolveDataset() with other archives, deadlines and counts. */
export async function resolveWith(options: ResolveOptions, internals: Internals): Promise<ResolvedDataset> {
  const { data, imageSize, environment: { dataDir, cacheDir } } = options;
  if (!Number.isInteger(imageSize) || imageSize < 1 || imageSize > MAX_IMAGE_SIZE) {
    throw new HerdError("usage", `--image-size must be a whole number from 1 to ${MAX_IMAGE_SIZE}: it is ${imageSize}`);
  }
  cleanCache(cacheDir, { limit: Infinity }); // only what killed processes have left
  if (options.images !== undefined) return await made(options.images, options);
  if (
    options.validationSplit !== undefined && options.validationSplit < 1 &&
    (data === PROCEDURAL_NAME || (isRealName(data) && !dataDir))
  ) {
    throw splitAlready(data === "auto" ? REAL_NAME : data, "its own");
  }
  if (data === PROCEDURAL_NAME) return await procedural(options, { internals, fallback: false });
  if (!isRealName(data)) return await fromPath(data, options);
  if (dataDir) return await fromDataDir(dataDir, options);
  try {
    return await real(options, internals);
  } catch (error) {
    if (data !== "auto" || !(error instanceof NoConnectionError)) throw error;
    options.onNotice?.(
      "NO CONNECTION TO FETCH HORSES OR HUMANS: USING THE PROCEDURAL DATA SET OF DRAWN FIGURES INSTEAD " +
        `(${error.message})`,
    );
    return await procedural(options, { internals, fallback: true });
  }
}

function made(images: MadeImages, options: ResolveOptions): Promise<ResolvedDataset> {
  const { imageSize, environment: { cacheDir }, signal } = options;
  if (options.validationSplit !== undefined) throw splitAlready("made by the program", "its own");
  return packed(() => collectImages(images, { imageSize, cacheDir, signal }), options);
}

function isRealName(data: string): boolean {
  return data === "auto" || data === REAL_NAME;
}

function procedural(
  options: ResolveOptions,
  { internals, fallback }: { internals: Internals; fallback: boolean },
): Promise<ResolvedDataset> {
  return packed(() => proceduralSource(internals.counts), options, { fallback });
}

function fromPath(path: string, options: ResolveOptions): Promise<ResolvedDataset> {
  if (!path || !isThere(path)) {
    throw new HerdError(
      "data",
      `There is no data set '${path}': give auto, ${REAL_NAME}, ${PROCEDURAL_NAME}, or the path of a folder or zip file`,
    );
  }
  return packed(() => openImageFiles(path, options), options);
}

async function fromDataDir(dataDir: string, options: ResolveOptions): Promise<ResolvedDataset> {
  if (!isThere(dataDir)) {
    throw new HerdError("data", `HERD_DATA_DIR is '${dataDir}', which does not exist: correct or unset it`);
  }
  const resolved = await packed(() => openImageFiles(dataDir, options), options);
  if (options.data === "auto" || resolved.info.name === REAL_NAME) return resolved;
  throw new HerdError(
    "data",
    `HERD_DATA_DIR holds the data set '${resolved.info.name}', not ${REAL_NAME}: unset it, or use --data auto`,
  );
}

/** The real set from the cache or the network; its packed file is enough, the archives may be gone. */
function real(options: ResolveOptions, { archives, deadlines }: Internals): Promise<ResolvedDataset> {
  const { environment: { cacheDir, dataUrl: baseUrl }, signal, onProgress, onNotice } = options;
  const directory = join(cacheDir, "downloads");
  const identity = archives.map(({ sha256 }) => sha256).join(" ");
  const open = async () => {
    await fetchArchives(archives, {
      directory,
      baseUrl: baseUrl || undefined,
      signal,
      onProgress,
      onNotice,
      deadlines,
    });
    return openImageFiles(join(directory, TRAIN_ZIP), { identity });
  };
  return packed(open, options, { identity });
}

/**
 * The packed file of a source, made if it is absent or damaged. With a known identity the source may not be needed; if it is,
 * because the file is damaged, nothing else may stand in for it.
 */
async function packed(
  open: () => ImageSource | Promise<ImageSource>,
  options: ResolveOptions,
  { identity, fallback = false }: { identity?: string; fallback?: boolean } = {},
): Promise<ResolvedDataset> {
  const { environment: { cacheDir }, signal, onNotice } = options;
  // All images of a data set that was packed without leaving any out can be read.
  const placesOf = (id: string) =>
    [false, true].slice(0, options.skipUnreadable ? 2 : 1).map((skipUnreadable) =>
      packedPath(cacheDir, id, { ...options, skipUnreadable })
    );
  const early = identity === undefined ? NOTHING : await findSound(placesOf(identity), options);
  if (early.found) return { ...early.found, fallback };
  using source = await openSource(open, early.damaged);
  const places = placesOf(source.identity);
  const { found } = identity === undefined ? await findSound(places, options) : NOTHING;
  if (found) return { ...found, fallback };
  const path = places.at(-1)!;
  using part = await PartFile.openAlone(path, { signal, onNotice });
  // The process that had it before may have finished it.
  const finished = (await findSound([path], { signal })).found;
  const info = finished?.info ?? await pack(source, part, options);
  cleanCache(cacheDir);
  return { path, info, fallback };
}

/** @param damaged the packed file that is to be made anew from it, if there is one */
async function openSource(
  open: () => ImageSource | Promise<ImageSource>,
  damaged: string | undefined,
): Promise<ImageSource> {
  try {
    return await open();
  } catch (error) {
    if (damaged === undefined || !(error instanceof NoConnectionError)) throw error;
    throw new HerdError("data", `Cannot make the damaged '${damaged}' anew: ${error.message}`, { cause: error });
  }
}

/** What was found of some packed files. */
interface Found {
  /** The first that is sound; it is used from now on. */
  readonly found?: { readonly path: string; readonly info: DatasetInfo };
  /** One that is there and is not sound. */
  readonly damaged?: string;
}

const NOTHING: Found = {};

/** Reads packed files, as far as they are there, to find one whose every image is sound. */
async function findSound(
  paths: readonly string[],
  { signal, onNotice }: Pick<ResolveOptions, "signal" | "onNotice">,
): Promise<Found> {
  let damaged: string | undefined;
  for (const path of paths.filter(isThere)) {
    try {
      using dataset = PackedDataset.open(path);
      await dataset.verify(signal);
      touch(path);
      return { found: { path, info: dataset.info } };
    } catch (error) {
      if (!(error instanceof HerdError) || error.code !== "data") throw error;
      onNotice?.(`Packing the data set again: ${error.message}`);
      damaged = path;
    }
  }
  return damaged === undefined ? NOTHING : { damaged };
}
