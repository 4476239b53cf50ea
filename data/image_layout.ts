// Finds the two splits and the classes in a folder or zip file. The layouts that are understood:
//
//   train/{a,b} with validation/{a,b} or test/{a,b}                  (validation wins if there are both)
//   horse-or-human/{a,b} with validation-horse-or-human/{a,b}        the original zip files, unpacked
//   horse-or-human.zip with validation-horse-or-human.zip            the original zip files, in a folder
//   horse-or-human.zip                                               given itself, with the other beside it
//   {a,b}                                                            split 4 : 1, or as asked for, always in the same way
//
// A single folder around any of these is looked through. Images may lie in folders within a class folder.
import { basename, dirname, join } from "node:path";
import { HerdError } from "../shared/errors.ts";
import { permutation, Purpose } from "../shared/threefry.ts";
import { compareUtf8, type Split } from "./dataset_info.ts";
import { below, type FileTree, FolderTree } from "./file_tree.ts";
import { ZipTree } from "./zip_tree.ts";

/** The names of the original archives: training images, test images. */
export const TRAIN_ZIP = "horse-or-human.zip";
export const TEST_ZIP = "validation-horse-or-human.zip";

/** A file that should hold an image. */
export interface ImageRef {
  readonly tree: FileTree;
  readonly path: string;
  readonly label: number;
  /** `class/name`: samples are numbered by the UTF-8 bytes of it. */
  readonly rank: string;
  readonly stamp: string;
}

export interface ImageLists {
  /** Two or more, sorted by UTF-8 bytes. */
  readonly classes: readonly string[];
  readonly images: Readonly<Record<Split, readonly ImageRef[]>>;
}

interface Place {
  readonly tree: FileTree;
  readonly directory: string;
}

const TRAIN_NAMES = ["train", "horse-or-human"];
const TEST_NAMES = ["validation", "test", "validation-horse-or-human"];
const MAX_WRAPPERS = 3;
/** Folders within a class folder. */
const MOST_DEPTH = 8;
/** The part of each class that is kept for testing. */
const DEFAULT_SPLIT = 0.2;
/** A label is one byte. */
const MOST_CLASSES = 256;
/** They cannot be the keys of an object that comes from elsewhere. */
const NO_CLASSES = ["__proto__", "constructor", "prototype"];
/** The seed of what must be the same in every run: which images of an unsplit folder are for testing. */
const CONSTANT_SEED = 0;
/** Keeps these draws apart from those of --limit, which for two classes use 1 to 4. */
const HOLD_OUT_DRAW = 16;

/** How images are divided that are not, and who hears of what people should know. */
export interface LayoutOptions {
  /** The part of each class's images that is kept for testing; by default 0.2. 1: all of them, where it is not said which. */
  readonly validationSplit?: number | undefined;
  readonly onNotice?: ((text: string) => void) | undefined;
}

/**
 * Opens a folder or zip file; whatever gets opened is handed to `opened` for disposal.
 * @throws {HerdError} data; usage, for a split of what has test images of its own
 */
export async function findImages(
  path: string,
  opened: DisposableStack,
  { validationSplit, onNotice }: LayoutOptions = {},
): Promise<ImageLists> {
  const splits = await findSplits(await openTree(path, opened), opened);
  if ("all" in splits) {
    return holdOut(listImages(splits.all), { path, part: validationSplit ?? DEFAULT_SPLIT, onNotice });
  }
  if (validationSplit !== undefined && validationSplit < 1) throw splitAlready(`'${path}'`, `'${shown(splits.test)}'`);
  const [train, test] = [listImages(splits.train), listImages(splits.test)];
  refuseDifference(splits.train, train.classes, splits.test, test.classes);
  return { classes: train.classes, images: { train: train.images, test: test.images } };
}

/** What --validation-split would divide is divided. @param where its test images are */
export function splitAlready(what: string, where: string): HerdError {
  return new HerdError(
    "usage",
    `--validation-split is for data without test images, and ${what} has ${where}: leave it out`,
  );
}

/** @throws {HerdError} data, naming what only one of the two has */
function refuseDifference(one: Place, classes: readonly string[], other: Place, others: readonly string[]): void {
  for (const [here, names, there, theirs] of [[one, classes, other, others], [other, others, one, classes]] as const) {
    const missing = names.filter((name) => !theirs.includes(name));
    if (missing.length === 0) continue;
    const what = `'${shown(here)}' has the class ${missing.length === 1 ? "folder" : "folders"} ${quoted(missing)}`;
    throw new HerdError("data", `${what} and '${shown(there)}' has not: both must have the same classes`);
  }
}

async function openTree(path: string, opened: DisposableStack): Promise<FileTree> {
  let isDirectory: boolean;
  try {
    ({ isDirectory } = Deno.statSync(path));
  } catch (error) {
    throw new HerdError("data", `Cannot find the data set '${path}': give a folder or zip file that exists`, {
      cause: error,
    });
  }
  if (isDirectory) return opened.use(new FolderTree(path));
  if (/\.zip$/i.test(path)) return opened.use(await ZipTree.open(path));
  throw new HerdError("data", `The data set '${path}' is neither a folder nor a .zip file: give one of these`);
}

type Splits = { readonly train: Place; readonly test: Place } | { readonly all: Place };

async function findSplits(tree: FileTree, opened: DisposableStack): Promise<Splits> {
  let directory = "";
  for (let depth = 0;; depth++) {
    const entries = tree.list(directory);
    const directories = entries.filter(({ kind }) => kind === "directory").map(({ name }) => name);
    const place = (name: string): Place => ({ tree, directory: below(directory, name) });
    const train = TRAIN_NAMES.find((name) => directories.includes(name));
    const test = TEST_NAMES.find((name) => directories.includes(name));
    if (train && test) return { train: place(train), test: place(test) };
    if (train || test) {
      throw new HerdError(
        "data",
        `'${tree.shown(directory)}' has '${train ?? test}' but no ${
          train ? "'validation' or 'test'" : "'train'"
        }: give a folder with both`,
      );
    }
    const zips = await zipPair({ tree, directory }, entries.map(({ name }) => name), opened);
    if (zips) return zips;
    const only = directories.length === 1 ? directories[0] : undefined;
    // A single folder is looked through unless it is itself a class folder, with files only.
    const isWrapper = only !== undefined && tree.list(below(directory, only)).some(({ kind }) => kind === "directory");
    if (!isWrapper || depth === MAX_WRAPPERS) return { all: { tree, directory } };
    directory = below(directory, only);
  }
}

/** The original archives, in a folder or one given by itself, each with the classes at its top. */
async function zipPair(
  { tree, directory }: Place,
  names: readonly string[],
  opened: DisposableStack,
): Promise<{ readonly train: Place; readonly test: Place } | undefined> {
  let folder: string | undefined;
  if (tree instanceof FolderTree && [TRAIN_ZIP, TEST_ZIP].some((name) => names.includes(name))) {
    folder = tree.shown(directory);
  } else if (tree instanceof ZipTree && [TRAIN_ZIP, TEST_ZIP].includes(basename(tree.root))) {
    folder = dirname(tree.root);
  }
  if (folder === undefined) return undefined;
  const open = async (name: string): Promise<Place> => {
    return { tree: opened.use(await ZipTree.open(join(folder, name))), directory: "" };
  };
  return { train: await open(TRAIN_ZIP), test: await open(TEST_ZIP) };
}

/** The images of a place with class folders, in sample id order. */
function listImages(place: Place): { classes: readonly string[]; images: ImageRef[] } {
  const { tree, directory } = place;
  const classes = tree.list(directory).filter(({ kind }) => kind === "directory").map(({ name }) => name);
  classes.sort(compareUtf8);
  if (classes.length < 2) {
    const what = classes.length === 0 ? "no class folders" : `the class folder ${quoted(classes)} alone`;
    throw new HerdError("data", `'${shown(place)}' has ${what}: a data set has two or more, one for each class`);
  }
  if (classes.length > MOST_CLASSES) {
    throw new HerdError(
      "data",
      `'${shown(place)}' has ${classes.length} class folders (${quoted(classes)}): give at most ${MOST_CLASSES}`,
    );
  }
  const impossible = classes.find((name) => NO_CLASSES.includes(name));
  if (impossible !== undefined) {
    throw new HerdError("data", `'${shown(place)}' has a class folder '${impossible}', no name for a class: rename it`);
  }
  const images = classes.flatMap((name, label) => listClass(tree, { directory: below(directory, name), name, label }));
  return { classes, images: images.sort((a, b) => compareUtf8(a.rank, b.rank)) };
}

function listClass(tree: FileTree, { directory, name, label }: { directory: string; name: string; label: number }) {
  const images = [...filesBelow(tree, directory, { rank: name, depth: 0 })].map((file): ImageRef => {
    return { tree, label, ...file };
  });
  if (images.length > 0) return images;
  throw new HerdError("data", `The class folder '${tree.shown(directory)}' has no images: add some`);
}

/** The files of a folder and of those within it. A link that leads back above itself is met as too many folders. */
function* filesBelow(
  tree: FileTree,
  directory: string,
  { rank, depth }: { readonly rank: string; readonly depth: number },
): Generator<Pick<ImageRef, "path" | "rank" | "stamp">> {
  if (depth > MOST_DEPTH) {
    const limit = `the limit is ${MOST_DEPTH}`;
    throw new HerdError(
      "data",
      `'${tree.shown(directory)}' is too many folders within each other, ${limit}: move it up`,
    );
  }
  for (const { name, kind, stamp } of tree.list(directory)) {
    const inner = { path: below(directory, name), rank: `${rank}/${name}` };
    if (kind === "file") yield { ...inner, stamp };
    else yield* filesBelow(tree, inner.path, { rank: inner.rank, depth: depth + 1 });
  }
}

/**
 * So many images of each class (rounded, at least one) become test images, drawn by a constant seed; one at least is left for
 * training, unless all are asked for.
 */
function holdOut(
  { classes, images }: { classes: readonly string[]; images: ImageRef[] },
  { path, part, onNotice }: { readonly path: string; readonly part: number } & Pick<LayoutOptions, "onNotice">,
): ImageLists {
  const members = classes.map((): ImageRef[] => []);
  for (const image of images) members[image.label]!.push(image);
  const held = new Set<ImageRef>();
  for (const [label, own] of members.entries()) {
    const order = permutation(own.length, CONSTANT_SEED, Purpose.limit, HOLD_OUT_DRAW + label);
    const count = Math.min(Math.max(1, Math.round(own.length * part)), own.length - (part < 1 ? 1 : 0));
    for (const i of order.subarray(0, count)) held.add(own[i]!);
  }
  const single = classes.filter((_, label) => part < 1 && members[label]!.length === 1);
  if (held.size === 0) {
    throw new HerdError(
      "data",
      `Each class of '${path}' has one image: it takes two to train on one and test on another`,
    );
  }
  if (single.length > 0) {
    const says = single.length === 1
      ? "This class has one image, which is"
      : "These classes have one image each, which are";
    onNotice?.(`${says} trained on and not tested: ${quoted(single)}`);
  }
  const [train, test] = [images.filter((image) => !held.has(image)), images.filter((image) => held.has(image))];
  return { classes, images: { train, test } };
}

function shown({ tree, directory }: Place): string {
  return tree.shown(directory);
}

function quoted(names: readonly string[]): string {
  const most = names.slice(0, 8).map((name) => `'${name}'`).join(", ");
  return names.length > 8 ? `${most} and ${names.length - 8} more` : most;
}
