// Turns a source of images into a packed file: decode or draw, crop to a square, average to the size, hash, write.
import { createHash, type Hash } from "node:crypto";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { canonicalJson } from "../shared/config.ts";
import { type DataProgress, type DatasetInfo, type ImageSource, SPLITS } from "./dataset_info.ts";
import { encodeHeader, FORMAT_VERSION, layoutOf, PREFIX_BYTES } from "./packed_format.ts";
import type { PartFile } from "./part_file.ts";
import { toSquare } from "./resize.ts";

export interface PackOptions {
  /** Side of the packed images in pixels. */
  readonly imageSize: number;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: DataProgress) => void) | undefined;
}

/** Where the packed file of a source stands: the name is a hash of all that its bytes depend on. */
export function packedPath(cacheDir: string, identity: string, imageSize: number): string {
  const key = createHash("sha256").update(canonicalJson({ format: FORMAT_VERSION, identity, imageSize })).digest("hex");
  return join(cacheDir, "packed", `${key.slice(0, 32)}.herd`);
}

/** Packs a source into an empty file. Throws HerdError "data" for a bad image or a file that cannot be written. */
export async function pack(source: ImageSource, file: PartFile, options: PackOptions): Promise<DatasetInfo> {
  // The hash is known only at the end; until then its place in the header, of fixed length, holds zeros.
  const unhashed = infoOf(source, options.imageSize);
  const header = encodeHeader(unhashed);
  const layout = layoutOf(unhashed, header.length - PREFIX_BYTES);

  const opening = new Uint8Array(layout.pixels);
  opening.set(header);
  opening.set(source.labels.train, layout.labels);
  opening.set(source.labels.test, layout.labels + unhashed.train);
  await file.write(opening);
  const hash = createHash("sha256");
  for await (const pixels of images(source, hash, options)) await file.write(pixels);
  const info = { ...unhashed, sha256: hash.digest("hex") };
  await file.write(encodeHeader(info), 0);
  await file.commit();
  return info;
}

/** Every image in file order at the packed size, fed into the data set hash on the way. */
async function* images(source: ImageSource, hash: Hash, options: PackOptions): AsyncGenerator<Uint8Array> {
  const total = source.labels.train.length + source.labels.test.length;
  let done = 0;
  for (const split of SPLITS) {
    for (const [id, label] of source.labels[split].entries()) {
      // Decoding never waits: let Ctrl-C and timers through between two images.
      await setImmediate();
      options.signal?.throwIfAborted();
      const pixels = toSquare(await source.image(split, id), options.imageSize);
      hash.update(pixels).update(Uint8Array.of(label));
      yield pixels;
      const file = source.describe(split, id);
      options.onProgress?.({ phase: source.phase, done: ++done, total, unit: "images", file });
    }
  }
}

function infoOf({ name, classes, labels }: ImageSource, imageSize: number): DatasetInfo {
  const classCounts: Record<string, readonly [number, number]> = {};
  classes.forEach((className, label) => {
    const count = (of: Uint8Array) => of.filter((l) => l === label).length;
    classCounts[className] = [count(labels.train), count(labels.test)];
  });
  const { length: train } = labels.train;
  const { length: test } = labels.test;
  return { name, classes, imageSize, channels: 3, train, test, classCounts, sha256: "0".repeat(64) };
}
