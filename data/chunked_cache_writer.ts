// A packed file as a worker on another machine collects it: each chunk is fetched once, checked against its hash whenever the
// file is opened, and the finished file is found again by its content.
import { createHash } from "node:crypto";
import { dirname, join } from "node:path";
import { commit, partPath, writeAll } from "../shared/atomic_file.ts";
import { canonicalJson } from "../shared/config.ts";
import type { DatasetManifest } from "../shared/dataset_manifest.ts";
import { HerdError } from "../shared/errors.ts";
import { PRIVATE_FILE } from "../shared/private.ts";
import { isSameFile, isThere, makeDirectory, removeIfThere, touch, tryLock, writeFailure } from "./cache.ts";
import { cleanCache } from "./clean.ts";
import { readAt } from "./read_at.ts";

/**
 * Collects the chunks of a manifest in the cache directory, in one file named after the manifest's hash. Chunks that an
 * earlier fetch left there are kept, as far as their hashes are right; processes that collect the same file at once
 * write the same bytes to the same places. The final name appears when all chunks are there, and not before; a file that is
 * found damaged loses it until its bad chunks are fetched again.
 */
export class ChunkedCacheWriter implements Disposable {
  /** Where the finished file stands. */
  readonly path: string;
  readonly #cacheDir: string;
  readonly #manifest: DatasetManifest;
  readonly #missing = new Set<number>();
  #file: Deno.FsFile | undefined;

  private constructor(cacheDir: string, manifest: DatasetManifest) {
    this.#cacheDir = cacheDir;
    this.#manifest = manifest;
    const { byteLength, chunkBytes, hashes } = manifest;
    const key = createHash("sha256").update(canonicalJson({ byteLength, chunkBytes, hashes })).digest("hex");
    this.path = join(cacheDir, "fetched", `${key.slice(0, 32)}.herd`);
  }

  /**
   * Looks at what is there already: every chunk is read and hashed, in the background.
   * @param cacheDir Herd's cache folder, made if it is missing
   * @throws {HerdError} data, if it cannot be written
   */
  static async open(cacheDir: string, manifest: DatasetManifest): Promise<ChunkedCacheWriter> {
    const writer = new ChunkedCacheWriter(cacheDir, manifest);
    try {
      if (!await writer.#isFinished()) await writer.#openPart();
    } catch (error) {
      writer[Symbol.dispose]();
      throw writeFailure(writer.path, error);
    }
    return writer;
  }

  /** The indices of the chunks that are still to be written, ascending. */
  missing(): number[] {
    return [...this.#missing].sort((a, b) => a - b);
  }

  /**
   * Checks a chunk and stores it; one that is there already is ignored. One call at a time.
   * @param index of the chunk, from 0 on
   * @param bytes of the whole chunk
   * @throws {HerdError} data, if it is not the manifest's chunk or cannot be written
   */
  async write(index: number, bytes: Uint8Array): Promise<void> {
    const expected = this.#manifest.hashes[index];
    if (expected === undefined) {
      throw new HerdError(
        "data",
        `There is no chunk ${index} among ${this.#manifest.hashes.length}: restart the worker`,
      );
    }
    if (sha256(bytes) !== expected) {
      throw new HerdError(
        "data",
        `Chunk ${index} of the data set arrived damaged (${bytes.length} bytes, wrong SHA-256): fetch it again`,
      );
    }
    if (!this.#file || !this.#missing.has(index)) return;
    try {
      this.#file.seekSync(index * this.#manifest.chunkBytes, Deno.SeekMode.Start);
      await writeAll(this.#file, bytes);
    } catch (error) {
      throw writeFailure(this.path, error);
    }
    this.#missing.delete(index);
  }

  /**
   * Gives the complete file its name, and removes others from the cache if it is over its limit.
   * @returns its path
   * @throws {HerdError} data, if chunks are missing or the file cannot be written
   */
  async finish(): Promise<string> {
    if (this.#missing.size > 0) {
      throw new HerdError(
        "data",
        `The data set is not complete: ${this.#missing.size} of ${this.#manifest.hashes.length} chunks are missing`,
      );
    }
    if (!this.#file) return this.path;
    try {
      this.#file.truncateSync(this.#manifest.byteLength);
      await commit(this.#file, this.path);
      this[Symbol.dispose]();
    } catch (error) {
      // Another process that fetched the same file may have been first.
      if (!isFileOf(this.path, this.#manifest.byteLength)) throw writeFailure(this.path, error);
    }
    cleanCache(this.#cacheDir);
    return this.path;
  }

  /** Closes the file; what was written stays for the next time. */
  [Symbol.dispose](): void {
    this.#file?.close();
    this.#file = undefined;
  }

  /** Whether the file is there and sound. One that is not becomes what an unfinished fetch leaves. */
  async #isFinished(): Promise<boolean> {
    if (!isThere(this.path)) return false;
    using file = await Deno.open(this.path, { read: true });
    tryLock(file, false, true); // it is in use
    const { size } = await file.stat();
    if (size === this.#manifest.byteLength && (await this.#badChunks(file)).length === 0) {
      touch(this.path);
      return true;
    }
    // Another process may have found that out before, and mended it by now or be about to.
    if (!isSameFile(file, this.path)) return await this.#isFinished();
    if (isThere(partPath(this.path))) removeIfThere(this.path);
    else Deno.renameSync(this.path, partPath(this.path));
    return false;
  }

  async #openPart(): Promise<void> {
    makeDirectory(dirname(this.path));
    this.#file = await Deno.open(partPath(this.path), { read: true, write: true, create: true, mode: PRIVATE_FILE });
    tryLock(this.#file, false, true); // it is in use
    for (const index of await this.#badChunks(this.#file)) this.#missing.add(index);
  }

  /** The chunks of a file that are not there, or whose hashes are wrong. */
  async #badChunks(file: Deno.FsFile): Promise<number[]> {
    const { byteLength, chunkBytes, hashes } = this.#manifest;
    const buffer = new Uint8Array(Math.min(chunkBytes, byteLength));
    const { size } = await file.stat();
    const bad: number[] = [];
    for (const [index, expected] of hashes.entries()) {
      const start = index * chunkBytes;
      const chunk = buffer.subarray(0, Math.min(chunkBytes, byteLength - start));
      const isSound = start + chunk.length <= size && await readAt(file, start, chunk) === chunk.length &&
        sha256(chunk) === expected;
      if (!isSound) bad.push(index);
    }
    return bad;
  }
}

function isFileOf(path: string, byteLength: number): boolean {
  try {
    const { isFile, size } = Deno.statSync(path);
    return isFile && size === byteLength;
  } catch {
    return false;
  }
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
