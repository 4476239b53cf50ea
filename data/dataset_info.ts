// What a data set says about itself: the words that the coordinator, the report and the packed file share.
import { HerdError } from "../shared/errors.ts";

/** The two parts of a data set. */
export type Split = "train" | "test";
export const SPLITS: readonly Split[] = ["train", "test"];
/** No image was left out. */
export const NONE_SKIPPED: Skipped = { count: 0, files: [] };

/** A data set at one image size. */
export interface DatasetInfo {
  /** "horses-or-humans", "procedural", or the name of the user's folder. */
  readonly name: string;
  /** Class names by label, 2 to 256: sorted by UTF-8 bytes, so horses = 0 and humans = 1. */
  readonly classes: readonly string[];
  /** Side of the square images in pixels. */
  readonly imageSize: number;
  /** Red, green and blue. */
  readonly channels: 3;
  /** Number of training images. */
  readonly train: number;
  /** Number of test images. */
  readonly test: number;
  /** Images by class name. Objects have keys such as "10" first: for the order of labels go through `classes`. */
  readonly classCounts: Readonly<Record<string, readonly [train: number, test: number]>>;
  /**
   * The data set hash, in hexadecimal: SHA-256 over each sample's pixels (imageSize² × 3 bytes) followed by its label
   * (one byte), in sample id order, all of train and then all of test.
   */
  readonly sha256: string;
  /** The files that --skip-unreadable has left out: they are not counted above, and the others are numbered without them. */
  readonly skipped: Skipped;
  /** Images that are there more than once; absent for a set that was not looked at, such as the drawn one. */
  readonly duplicates?: Duplicates;
}

/** Images whose pixels are the same, as their files have them. */
export interface Duplicates {
  /** Test images that are training images as well: they make the test figures look better than they are. */
  readonly across: number;
  /** What such files are called: the first few. */
  readonly files: readonly { readonly train: string; readonly test: string }[];
  /** Images that repeat one of the same split. */
  readonly within: Readonly<Record<Split, number>>;
}

/** Image files that were left out because they could not be read. */
export interface Skipped {
  /** How many they are. */
  readonly count: number;
  /** What they are called: all of them, or as many of the first as there is room for. */
  readonly files: readonly string[];
}

/** How far the making of a data set is. */
export interface DataProgress {
  /** Archives are downloaded, image files are decoded, the procedural set is drawn; so is what a program makes. */
  readonly phase: "download" | "decode" | "draw" | "export";
  /** So many of `total` are done; within a phase it never falls. */
  readonly done: number;
  /** All that there is to do in this phase. */
  readonly total: number;
  /** What `done` and `total` count: bytes are downloaded, images are decoded or drawn. */
  readonly unit: "bytes" | "images";
  /** The file or image that is being worked on, for people. */
  readonly file?: string;
}

/** An 8-bit RGB image, rows from the top, three bytes a pixel. */
export interface RgbImage {
  readonly width: number;
  readonly height: number;
  readonly pixels: Uint8Array;
}

/** An image file that cannot be used: it can be left out. */
export class UnreadableImage extends HerdError {
  /** @param cause says in a sentence which it is, what is wrong and what to do */
  constructor(cause: HerdError) {
    super("data", `${cause.message}, or leave such images out with --skip-unreadable`, { cause });
  }
}

/** How the images of a source are made. */
export interface SourceOptions {
  /** Side of the square in pixels. */
  readonly imageSize: number;
  /** How many threads decode files; by default one a core. */
  readonly threads?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** An image of a source. */
export interface SourceImage {
  /** imageSize² × 3 bytes. */
  readonly pixels: Uint8Array;
  /** The same for images that are the same; absent where that is not looked at. */
  readonly hash?: string;
}

/** Anything that yields labelled images in sample id order: files or the drawn figures. */
export interface ImageSource extends Disposable {
  readonly name: string;
  readonly classes: readonly string[];
  /** The label of each sample, by sample id. */
  readonly labels: Readonly<Record<Split, Uint8Array>>;
  readonly phase: "decode" | "draw";
  /** A text that differs whenever the images may differ: the packed file's key is made of it. */
  readonly identity: string;
  /**
   * Every image, all of train and then all of test in order of their ids, cropped and averaged to a size, or why it cannot be
   * read. Throws HerdError "data", if the set is not what it seems.
   */
  images(options: SourceOptions): AsyncIterable<SourceImage | UnreadableImage>;
  /** What to call this sample when speaking to people. */
  describe(split: Split, id: number): string;
}

/** Compares by UTF-8 bytes, which is not the order of JavaScript strings beyond U+FFFF. */
export function compareUtf8(a: string, b: string): number {
  const encoder = new TextEncoder();
  const [x, y] = [encoder.encode(a), encoder.encode(b)];
  const length = Math.min(x.length, y.length);
  for (let i = 0; i < length; i++) {
    if (x[i] !== y[i]) return x[i]! - y[i]!;
  }
  return x.length - y.length;
}
