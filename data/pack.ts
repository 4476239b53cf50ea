// Turns a source of images into a packed file: hash, look for duplicates, write.
import { createHash } from "node:crypto";
import { join } from "node:path";
import { canonicalJson } from "../shared/config.ts";
import { HerdError } from "../shared/errors.ts";
import {
  type DataProgress,
  type DatasetInfo,
  type ImageSource,
  NONE_SKIPPED,
  type Skipped,
  type Split,
  SPLITS,
  UnreadableImage,
} from "./dataset_info.ts";
import { asManyAs, DuplicateFinder, DUPLICATES_BYTES } from "./duplicates.ts";
import { encodeHeader, FORMAT_VERSION, layoutOf, PREFIX_BYTES } from "./packed_format.ts";
import type { PartFile } from "./part_file.ts";

export interface PackOptions {
  /** Side of the packed images in pixels. */
  readonly imageSize: number;
  /** Whether to leave out the images that cannot be read. */
  readonly skipUnreadable?: boolean | undefined;
  /** How many threads decode files; by default one a core. */
  readonly threads?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: DataProgress) => void) | undefined;
}

/** Bytes in the header for the names of images that are left out. */
const SKIPPED_BYTES = 1 << 18;

/** Where the packed file of a source stands: the name is a hash of all that its bytes depend on. */
export function packedPath(
  cacheDir: string,
  identity: string,
  options: Pick<PackOptions, "imageSize" | "skipUnreadable">,
): string {
  const { imageSize, skipUnreadable } = options;
  const what = { format: FORMAT_VERSION, identity, imageSize, ...skipUnreadable && { skipUnreadable } };
  const key = createHash("sha256").update(canonicalJson(what)).digest("hex");
  return join(cacheDir, "packed", `${key.slice(0, 32)}.herd`);
}

/**
 * Packs a source into an empty file. Throws UnreadableImage for a bad image, unless such are to be left out; HerdError "data", if
 * a class has no other, or the file cannot be written.
 */
export async function pack(source: ImageSource, file: PartFile, options: PackOptions): Promise<DatasetInfo> {
  // What the file begins with is known at the end; zeros hold its place. The header has room for the names of duplicates and of
  // the images that are left out, and gets longer by the labels that these do not have: so the pixels stay where they are.
  const all = infoOf(source, { imageSize: options.imageSize, labels: source.labels, skipped: NONE_SKIPPED });
  const header = encodeHeader(all).length - PREFIX_BYTES + DUPLICATES_BYTES +
    (options.skipUnreadable ? SKIPPED_BYTES : 0);
  await file.write(new Uint8Array(layoutOf(all, header).pixels));
  const hash = createHash("sha256");
  const kept: Record<Split, number[]> = { train: [], test: [] };
  const skipped: string[] = [];
  const finder = new DuplicateFinder();
  for await (const { split, label, image, name } of images(source, options)) {
    if (image === undefined) {
      skipped.push(name);
      continue;
    }
    if (image.hash !== undefined) finder.add(split, image.hash, name);
    hash.update(image.pixels).update(Uint8Array.of(label));
    kept[split].push(label);
    await file.write(image.pixels);
  }
  const labels = { train: Uint8Array.from(kept.train), test: Uint8Array.from(kept.test) };
  const unhashed = infoOf(source, { imageSize: options.imageSize, labels, skipped: listed(skipped) });
  refuseEmptied(unhashed, all);
  const { duplicates } = finder;
  const info = { ...unhashed, sha256: hash.digest("hex"), ...duplicates && { duplicates } };
  await file.write(encodeHeader(info, header + skipped.length), 0);
  await file.write(labels.train, PREFIX_BYTES + header + skipped.length);
  await file.write(labels.test, PREFIX_BYTES + header + skipped.length + labels.train.length);
  await file.commit();
  return info;
}

/** Every image in file order; undefined, if it is to be left out. */
async function* images(source: ImageSource, { imageSize, threads, skipUnreadable, signal, onProgress }: PackOptions) {
  const samples = SPLITS.flatMap((split) => Array.from(source.labels[split], (label, id) => ({ split, id, label })));
  let done = 0;
  for await (const image of source.images({ imageSize, threads, signal })) {
    signal?.throwIfAborted();
    const { split, id, label } = samples[done++]!;
    const name = source.describe(split, id);
    if (!(image instanceof UnreadableImage)) yield { split, label, name, image };
    else if (skipUnreadable) yield { split, label, name, image: undefined };
    else throw image;
    onProgress?.({ phase: source.phase, done, total: samples.length, unit: "images", file: name });
  }
}

function infoOf(
  { name, classes }: ImageSource,
  { imageSize, labels, skipped }: Pick<DatasetInfo, "imageSize" | "skipped"> & Pick<ImageSource, "labels">,
): DatasetInfo {
  const classCounts: Record<string, readonly [number, number]> = {};
  classes.forEach((className, label) => {
    const count = (of: Uint8Array) => of.filter((l) => l === label).length;
    classCounts[className] = [count(labels.train), count(labels.test)];
  });
  const { length: train } = labels.train;
  const { length: test } = labels.test;
  return { name, classes, imageSize, channels: 3, train, test, classCounts, sha256: "0".repeat(64), skipped };
}

/** As many of the names as there is room for. */
function listed(names: readonly string[]): Skipped {
  const files = asManyAs(names, SKIPPED_BYTES - 100); // for the count
  return { count: names.length, files };
}

/** What is left must still have every class where it was. */
function refuseEmptied({ name, classCounts, skipped }: DatasetInfo, before: DatasetInfo): void {
  for (const [className, counts] of Object.entries(classCounts)) {
    const split = SPLITS.find((_, i) => counts[i] === 0 && before.classCounts[className]![i]! > 0);
    if (split === undefined) continue;
    const left = `none of the ${split} images of class '${className}' can be read`;
    throw new HerdError(
      "data",
      `Too many of the images of '${name}' are unreadable (${skipped.count}): ${left}; replace them`,
    );
  }
}
