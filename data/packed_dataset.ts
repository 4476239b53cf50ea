// A data set as the rest of Herd sees it: labels in memory, images read from the packed file when asked for. Several
// processes of one machine then share the operating system's page cache instead of holding a copy each.
import { createHash } from "node:crypto";
import { setImmediate } from "node:timers/promises";
import { HerdError, messageOf } from "../shared/errors.ts";
import { tryLock } from "./cache.ts";
import { type DatasetInfo, type Split, SPLITS } from "./dataset_info.ts";
import { decodeInfo, decodePrefix, type Layout, layoutOf, PREFIX_BYTES } from "./packed_format.ts";
import { readAtSync } from "./read_at.ts";

/** Between two looks at whether a check is to end. */
const IMAGES_A_TURN = 64;

/** A packed data set that is open for reading. While it is open, nobody removes the file from the cache. */
export class PackedDataset implements Disposable {
  /** Where the file is. */
  readonly path: string;
  /** What the data set says about itself. */
  readonly info: DatasetInfo;
  /** Length of the file in bytes. */
  readonly byteLength: number;
  readonly #file: Deno.FsFile;
  readonly #layout: Layout;
  readonly #labels: Readonly<Record<Split, Uint8Array>>;

  private constructor(path: string, file: Deno.FsFile) {
    this.path = path;
    this.#file = file;
    const headerBytes = decodePrefix(this.#readAt(0, new Uint8Array(PREFIX_BYTES)), path);
    this.info = decodeInfo(this.#readAt(PREFIX_BYTES, new Uint8Array(headerBytes)), path);
    this.#layout = layoutOf(this.info, headerBytes);
    this.byteLength = file.statSync().size;
    if (this.byteLength !== this.#layout.fileBytes) {
      throw new HerdError(
        "data",
        `The packed data set '${path}' has ${this.byteLength} bytes instead of ${this.#layout.fileBytes}: ` +
          "delete it and run again",
      );
    }
    const { train, test } = this.info;
    const labels = this.#readAt(this.#layout.labels, new Uint8Array(train + test));
    this.#labels = { train: labels.subarray(0, train), test: labels.subarray(train) };
    this.#checkLabels();
  }

  /**
   * Opens a packed file for reading.
   * @param path as {@linkcode resolveDataset} returns it
   * @throws {HerdError} data, naming the file, if it is absent, damaged or cut short
   */
  static open(path: string): PackedDataset {
    let file: Deno.FsFile;
    try {
      file = Deno.openSync(path, { read: true });
    } catch (error) {
      throw new HerdError("data", `Cannot open the packed data set '${path}': ${messageOf(error)}`, { cause: error });
    }
    tryLock(file, false, true); // it is in use
    try {
      return new PackedDataset(path, file);
    } catch (error) {
      file.close();
      throw error;
    }
  }

  /**
   * The label of a sample: the index of its class among the sorted class names.
   * @param id from 0 to the number of samples in the split, exclusive
   * @throws {RangeError} for an id beyond the split
   */
  label(split: Split, id: number): number {
    this.#checkId(split, id);
    return this.#labels[split][id]!;
  }

  /** The labels of a split by sample id, as a copy. */
  labels(split: Split): Uint8Array {
    return this.#labels[split].slice();
  }

  /**
   * The pixels of a sample: imageSize² × 3 bytes, rows from the top, RGB.
   * @param id from 0 to the number of samples in the split, exclusive
   * @param target is written and returned, if given
   * @throws {RangeError} for an id beyond the split or a target of another length
   * @throws {HerdError} data, if the file cannot be read
   */
  read(split: Split, id: number, target = new Uint8Array(this.#layout.imageBytes)): Uint8Array {
    this.#checkId(split, id);
    const { pixels, imageBytes } = this.#layout;
    if (target.length !== imageBytes) {
      throw new RangeError(`Cannot read an image of ${imageBytes} bytes into ${target.length} bytes`);
    }
    const index = split === "train" ? id : this.info.train + id;
    return this.#readAt(pixels + index * imageBytes, target);
  }

  /**
   * Reads every image once and compares pixels and labels with the data set hash: half a second for 400 MB.
   * @throws {HerdError} data, naming the file, if they are not those that were packed; the signal's reason, when aborted
   */
  async verify(signal?: AbortSignal): Promise<void> {
    const hash = createHash("sha256");
    const pixels = new Uint8Array(this.#layout.imageBytes);
    for (const split of SPLITS) {
      for (let id = 0; id < this.info[split]; id++) {
        if (id % IMAGES_A_TURN === 0) await setImmediate();
        signal?.throwIfAborted();
        hash.update(this.read(split, id, pixels)).update(Uint8Array.of(this.label(split, id)));
      }
    }
    const found = hash.digest("hex");
    if (found === this.info.sha256) return;
    throw new HerdError(
      "data",
      `The packed data set '${this.path}' is damaged: its images have SHA-256 ${found.slice(0, 16)}… instead of ` +
        `${this.info.sha256.slice(0, 16)}…: delete it and run again`,
    );
  }

  /** Closes the file. */
  [Symbol.dispose](): void {
    this.#file.close();
  }

  #readAt(offset: number, target: Uint8Array): Uint8Array {
    let read: number;
    try {
      read = readAtSync(this.#file, offset, target);
    } catch (error) {
      // Use after dispose is a bug, not the user's file.
      if (error instanceof Deno.errors.BadResource) throw error;
      throw new HerdError("data", `Cannot read the packed data set '${this.path}': ${messageOf(error)}`, {
        cause: error,
      });
    }
    if (read === target.length) return target;
    throw new HerdError(
      "data",
      `The packed data set '${this.path}' ends too early, at byte ${offset + read}: delete it and run again`,
    );
  }

  #checkId(split: Split, id: number): void {
    const count = this.info[split];
    if (Number.isInteger(id) && id >= 0 && id < count) return;
    throw new RangeError(`There is no ${split} sample ${id}: the data set has ${count}`);
  }

  #checkLabels(): void {
    this.info.classes.forEach((name, label) => {
      const seen = [this.#labels.train, this.#labels.test].map((labels) => labels.filter((l) => l === label).length);
      const expected = this.info.classCounts[name];
      if (expected && expected[0] === seen[0] && expected[1] === seen[1]) return;
      throw new HerdError(
        "data",
        `The packed data set '${this.path}' has ${seen.join(" + ")} images labelled '${name}' instead of ` +
          `${expected?.join(" + ") ?? "none"}: delete it and run again`,
      );
    });
  }
}
