// A packed file as workers on other machines fetch it: its manifest, which is made when the first of them asks, and its
// chunks.
import { sha256 } from "../shared/config.ts";
import { CHUNK_BYTES, type DatasetManifest } from "../shared/dataset_manifest.ts";
import { HerdError, messageOf } from "../shared/errors.ts";
import { tryLock } from "./cache.ts";
import { readAtSync } from "./read_at.ts";

/** A packed data set for workers on other machines. While it is open, nobody removes the file from the cache. */
export class ServedDataset implements Disposable {
  readonly #path: string;
  readonly #file: Deno.FsFile;
  readonly #byteLength: number;
  #manifest: Promise<DatasetManifest> | undefined;
  #isOpen = true;

  private constructor(path: string, file: Deno.FsFile) {
    this.#path = path;
    this.#file = file;
    this.#byteLength = file.statSync().size;
    tryLock(file, false, true);
  }

  /**
   * Opens a packed file; nothing of it is read yet.
   * @param path as {@linkcode resolveDataset} returns it
   * @throws {HerdError} data, if it cannot be opened
   */
  static open(path: string): ServedDataset {
    try {
      return new ServedDataset(path, Deno.openSync(path, { read: true }));
    } catch (cause) {
      throw new HerdError("data", `Cannot open the packed data set '${path}': ${messageOf(cause)}`, { cause });
    }
  }

  /**
   * The file's length and the SHA-256 of each of its chunks. The first call reads the whole file, in the background, a chunk
   * at a time; all further calls share its result.
   * @throws {HerdError} data, if the file cannot be read or is closed meanwhile
   */
  manifest(): Promise<DatasetManifest> {
    this.#manifest ??= this.#makeManifest().catch((error) => {
      this.#manifest = undefined; // the next one may have more luck
      throw error;
    });
    return this.#manifest;
  }

  /**
   * The bytes of a chunk; the last one may be shorter than the others.
   * @param index from 0 on
   * @throws {HerdError} data, if there is no such chunk or it cannot be read
   */
  readChunk(index: number): Uint8Array<ArrayBuffer> {
    const length = Math.min(CHUNK_BYTES, this.#byteLength - index * CHUNK_BYTES);
    if (!Number.isInteger(index) || index < 0 || length <= 0) {
      throw new HerdError("data", `The data set of ${this.#byteLength} bytes has no chunk ${index}: restart the run`);
    }
    const chunk = new Uint8Array(length);
    try {
      if (readAtSync(this.#file, index * CHUNK_BYTES, chunk) === length) return chunk;
    } catch (error) {
      throw this.#unreadable(error);
    }
    throw this.#unreadable("it has been cut short");
  }

  /** Closes the file. */
  [Symbol.dispose](): void {
    this.#isOpen = false;
    this.#file.close();
  }

  /** Neither reads nor hashes in this thread: the run goes on meanwhile. */
  async #makeManifest(): Promise<DatasetManifest> {
    const hashes: string[] = [];
    const buffer = new Uint8Array(Math.min(CHUNK_BYTES, this.#byteLength));
    try {
      // Opened anew: chunks may be read meanwhile, each from its own place in the file.
      using file = await Deno.open(this.#path, { read: true });
      for (let left = this.#byteLength; left > 0; left -= CHUNK_BYTES) {
        const chunk = buffer.subarray(0, Math.min(CHUNK_BYTES, left));
        for (let done = 0; done < chunk.length;) {
          if (!this.#isOpen) throw new HerdError("data", "The run ended before its data set was hashed");
          const read = await file.read(chunk.subarray(done));
          if (read === null) throw new Error("it has been cut short");
          done += read;
        }
        hashes.push(await sha256(chunk));
      }
    } catch (error) {
      throw error instanceof HerdError ? error : this.#unreadable(error);
    }
    return { byteLength: this.#byteLength, chunkBytes: CHUNK_BYTES, hashes };
  }

  #unreadable(why: unknown): HerdError {
    const sentence = `Cannot read the packed data set '${this.#path}' (${messageOf(why)}): run again`;
    return new HerdError("data", sentence, { cause: why });
  }
}
