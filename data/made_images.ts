// A data set that a program makes: its images are kept in a file of the cache as they come, since a set is known by all of
// them, and packed from there as any other.
import { createHash } from "node:crypto";
import { join } from "node:path";
import { partPath } from "../shared/atomic_file.ts";
import { HerdError } from "../shared/errors.ts";
import { type ImageSource, type Split, SPLITS } from "./dataset_info.ts";
import { PartFile } from "./part_file.ts";
import { readAt } from "./read_at.ts";

/** An image that a program has made. */
export interface MadeImage {
  /** Rows from the top, red, green and blue from 0 to 255: imageSize × imageSize × 3 bytes. They are copied. */
  readonly pixels: Uint8Array;
  /** Which class it shows: the index of its name. */
  readonly label: number;
}

/** Images that a program has made: each is asked for once, so they may be drawn, read or fetched as they are needed. */
export interface MadeImages {
  /** What reports call the set. @default "images of a program" */
  readonly name?: string;
  /** The names of the classes, by label: 2 to 256. */
  readonly classes: readonly string[];
  /** What is trained on, with an image of each class at least. */
  readonly train: Iterable<MadeImage> | AsyncIterable<MadeImage>;
  /** What is tested on, with an image of each class at least. */
  readonly test: Iterable<MadeImage> | AsyncIterable<MadeImage>;
}

const MOST_CLASSES = 256;

/**
 * Takes all images; what is kept of them in the cache goes when the source is disposed, or with the process.
 * @throws {HerdError} data, for classes or images that cannot be used, or a cache that cannot be written; what the program's
 * iterables throw; the signal's reason, when aborted
 */
export async function collectImages(
  { name = "images of a program", classes, ...images }: MadeImages,
  { imageSize, cacheDir, signal }: {
    readonly imageSize: number;
    readonly cacheDir: string;
    readonly signal?: AbortSignal | undefined;
  },
): Promise<ImageSource> {
  refuseBadClasses(classes);
  const secret = crypto.getRandomValues(new Uint8Array(16)).toHex();
  const file = await PartFile.openAlone(join(cacheDir, "packed", `${secret}.herd`), { signal });
  try {
    const hash = createHash("sha256");
    const labels: Record<Split, number[]> = { train: [], test: [] };
    for (const split of SPLITS) {
      for await (const { pixels, label } of images[split]) {
        signal?.throwIfAborted();
        const which = `image ${labels[split].length} of ${split}`;
        refuseBadImage({ pixels, label }, { which, imageSize, classes });
        hash.update(pixels).update(Uint8Array.of(label));
        labels[split].push(label);
        await file.write(pixels);
      }
      refuseMissing(labels[split], { split, classes });
    }
    const counts = [labels.train.length, labels.test.length];
    const identity = JSON.stringify(["made", name, classes, counts, hash.digest("hex")]);
    return {
      name,
      classes: [...classes],
      labels: { train: Uint8Array.from(labels.train), test: Uint8Array.from(labels.test) },
      phase: "draw",
      identity,
      describe: (split, id) => `${split} image ${id}`,
      images: () => readBack(file, imageSize),
      [Symbol.dispose]: () => file[Symbol.dispose](),
    };
  } catch (error) {
    file[Symbol.dispose]();
    throw error;
  }
}

async function* readBack(kept: PartFile, imageSize: number) {
  using file = await Deno.open(partPath(kept.path), { read: true });
  for (let offset = 0; offset < kept.size; offset += 3 * imageSize ** 2) {
    const pixels = new Uint8Array(3 * imageSize ** 2);
    await readAt(file, offset, pixels);
    yield { pixels, hash: createHash("sha256").update(pixels).digest("base64url").slice(0, 24) };
  }
}

function refuseBadClasses(classes: readonly string[]): void {
  const isEach = classes.every((name) => typeof name === "string" && name !== "");
  if (isEach && new Set(classes).size === classes.length && classes.length >= 2 && classes.length <= MOST_CLASSES) {
    return;
  }
  const said = JSON.stringify(classes).slice(0, 200);
  throw new HerdError("data", `The classes of a data set are 2 to ${MOST_CLASSES} different names: got ${said}`);
}

function refuseBadImage(
  { pixels, label }: MadeImage,
  { which, imageSize, classes }: {
    readonly which: string;
    readonly imageSize: number;
    readonly classes: readonly string[];
  },
): void {
  const bytes = 3 * imageSize ** 2;
  if (!(pixels instanceof Uint8Array) || pixels.length !== bytes) {
    const seen = pixels instanceof Uint8Array ? `${pixels.length} bytes` : "no Uint8Array";
    const size = `${imageSize} × ${imageSize} × 3 = ${bytes} bytes (red, green, blue)`;
    throw new HerdError("data", `The pixels of ${which} are ${seen}: give ${size}, or another imageSize`);
  }
  if (Number.isInteger(label) && label >= 0 && label < classes.length) return;
  const range = `the index of its class, 0 to ${classes.length - 1}`;
  throw new HerdError("data", `The label of ${which} is ${label}: give ${range}`);
}

function refuseMissing(
  labels: readonly number[],
  { split, classes }: { readonly split: Split; readonly classes: readonly string[] },
): void {
  const missing = classes.find((_, label) => !labels.includes(label));
  if (missing === undefined) return;
  throw new HerdError("data", `Class '${missing}' has no ${split} image: make at least one`);
}
