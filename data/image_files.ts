// A data set made of image files: a folder or zip file of the user, or the original archives.
import { createHash } from "node:crypto";
import { resolve } from "node:path";
import { HerdError } from "../shared/errors.ts";
import { type ImageSource, type Split, SPLITS, UnreadableImage } from "./dataset_info.ts";
import { decodeFiles, type ImageInput } from "./decode_files.ts";
import { titleOf } from "./file_tree.ts";
import { findImages, type ImageLists, type ImageRef, type LayoutOptions } from "./image_layout.ts";
import type { SquareImage } from "./square_image.ts";

/** The name of the real data set, and what tells it from another set of horses and humans. */
export const REAL_NAME = "horses-or-humans";
const REAL = { classes: "horses,humans", train: 1027, test: 256, side: 300 } as const;

/**
 * Opens a folder or zip file of images; no image is read yet. Throws HerdError "data" saying what is wrong with it.
 * `identity` names the content where it is known; otherwise it is made of the place and of every file's name, size and
 * times (in a zip file: sizes and CRC-32).
 */
export async function openImageFiles(
  path: string,
  { identity, ...layout }: LayoutOptions & { readonly identity?: string | undefined } = {},
): Promise<ImageSource> {
  using opened = new DisposableStack();
  const lists = await findImages(path, opened, layout);
  const isReal = lists.classes.join() === REAL.classes && lists.images.train.length === REAL.train &&
    lists.images.test.length === REAL.test;
  const ref = (split: Split, id: number) => lists.images[split][id]!;
  const labelsOf = (split: Split) => Uint8Array.from(lists.images[split], ({ label }) => label);
  const owned = opened.move();
  return {
    name: isReal ? REAL_NAME : titleOf(resolve(path)),
    classes: lists.classes,
    labels: { train: labelsOf("train"), test: labelsOf("test") },
    phase: "decode",
    identity: identity ?? identityOf(path, lists),
    describe: (split, id) => nameOf(ref(split, id)),
    async *images(options) {
      const inputs = SPLITS.flatMap((split) => lists.images[split]).map((ref): ImageInput => {
        return { name: nameOf(ref), read: () => ref.tree.read(ref.path) };
      });
      for await (const file of decodeFiles(inputs, options)) {
        if ("error" in file) yield new UnreadableImage(file.error);
        else {
          if (isReal) checkRealSize(file.image, file.name);
          yield file.image;
        }
      }
    },
    [Symbol.dispose]: () => owned.dispose(),
  };
}

function nameOf({ tree, path }: ImageRef): string {
  return tree.shown(path);
}

function identityOf(path: string, { images }: ImageLists): string {
  const hash = createHash("sha256").update(Deno.realPathSync(path));
  for (const split of SPLITS) {
    for (const { path, rank, stamp } of images[split]) hash.update(`\0${split}\0${path}\0${rank}\0${stamp}`);
  }
  return `files ${hash.digest("hex")}`;
}

function checkRealSize({ width, height }: SquareImage, name: string): void {
  if (width === REAL.side && height === REAL.side) return;
  throw new HerdError(
    "data",
    `The image '${name}' is ${width}×${height} instead of ${REAL.side}×${REAL.side}: ` +
      "fetch Horses or Humans again, or rename a class if this is another data set",
  );
}
