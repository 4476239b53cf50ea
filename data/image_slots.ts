// A packed file whose test images are written again and again, while it is open elsewhere: workers compute images that belong
// to no data set, as many as come, and neither memory nor disk grows with their number.
import { HerdError, messageOf } from "../shared/errors.ts";
import { PRIVATE_FILE } from "../shared/private.ts";
import { type DatasetInfo, NONE_SKIPPED } from "./dataset_info.ts";
import { encodeHeader, type Layout, layoutOf, PREFIX_BYTES } from "./packed_format.ts";

/** Its images change: no hash tells what they are. */
const NO_HASH = "0".repeat(64);

/** The packed file; its test images are the slots, all of the first class. */
export class ImageSlots implements Disposable {
  /** Where the file is. */
  readonly path: string;
  /** What it says about itself. */
  readonly info: DatasetInfo;
  readonly #file: Deno.FsFile;
  readonly #layout: Layout;

  private constructor(path: string, info: DatasetInfo) {
    this.path = path;
    this.info = info;
    const header = encodeHeader(info);
    this.#layout = layoutOf(info, header.length - PREFIX_BYTES);
    this.#file = this.#orFail(() => Deno.openSync(path, { createNew: true, write: true, mode: PRIVATE_FILE }));
    this.#orFail(() => this.#file.truncateSync(this.#layout.fileBytes));
    this.#write(0, header);
  }

  /**
   * Makes the file, with black images.
   * @param options the side of the images in pixels, the names of the classes, and how many images there is room for
   * @throws {HerdError} data, if it cannot be written
   */
  static create(
    path: string,
    { imageSize, classes, slots }: {
      readonly imageSize: number;
      readonly classes: readonly string[];
      readonly slots: number;
    },
  ): ImageSlots {
    const classCounts = Object.fromEntries(classes.map((name, i) => [name, [0, i === 0 ? slots : 0] as const]));
    const counts = { train: 0, test: slots, classCounts };
    const what = { name: "images", classes, imageSize, channels: 3 as const, sha256: NO_HASH, skipped: NONE_SKIPPED };
    return new ImageSlots(path, { ...what, ...counts });
  }

  /**
   * Puts an image into a slot.
   * @param slot from 0 on: the id of the test sample
   * @param pixels imageSize² × 3 bytes, rows from the top, RGB
   * @throws {RangeError} for a slot or a length that it does not have
   * @throws {HerdError} data, if the file cannot be written
   */
  write(slot: number, pixels: Uint8Array): void {
    const { imageBytes, pixels: start } = this.#layout;
    if (pixels.length !== imageBytes) throw new RangeError(`A slot has ${imageBytes} bytes, not ${pixels.length}`);
    if (!(slot >= 0 && slot < this.info.test)) throw new RangeError(`There is no slot ${slot}`);
    this.#write(start + slot * imageBytes, pixels);
  }

  /** Closes the file. */
  [Symbol.dispose](): void {
    this.#file.close();
  }

  #write(offset: number, bytes: Uint8Array): void {
    this.#orFail(() => {
      this.#file.seekSync(offset, Deno.SeekMode.Start);
      for (let done = 0; done < bytes.length;) done += this.#file.writeSync(bytes.subarray(done));
    });
  }

  #orFail<T>(action: () => T): T {
    try {
      return action();
    } catch (cause) {
      const remedy = "free some space, or set TMPDIR to a directory that can be written";
      throw new HerdError("data", `Cannot write '${this.path}' (${messageOf(cause)}): ${remedy}`, { cause });
    }
  }
}
