// A packed file in pieces, for workers on other machines: each piece is fetched once, checked against its hash, and the
// finished file is found again by its content.
import { createHash } from "node:crypto";
import { join } from "node:path";
import * as v from "valibot";
import { commit, partPath, writeAll } from "../shared/atomic_file.ts";
import { canonicalJson } from "../shared/config.ts";
import { HerdError, messageOf } from "../shared/errors.ts";
import { makeDirectory, touch, tryLock, writeFailure } from "./cache.ts";
import { readAtSync } from "./read_at.ts";

/** Bytes in every chunk but the last. */
export const CHUNK_BYTES = 8 * 1024 * 1024;

const positive = v.pipe(v.number(), v.safeInteger(), v.minValue(1));

/** What a worker must know before it fetches; it comes over the network, so parse it with this. */
export const ChunkManifestSchema = v.pipe(
  v.object({
    byteLength: positive,
    chunkBytes: v.pipe(positive, v.maxValue(CHUNK_BYTES)),
    hashes: v.array(v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/))),
  }),
  v.check(
    ({ byteLength, chunkBytes, hashes }) => hashes.length === Math.ceil(byteLength / chunkBytes),
    "the number of hashes does not fit the length",
  ),
);

/** A file's length and the SHA-256, in hexadecimal, of each of its chunks. */
export interface ChunkManifest {
  readonly byteLength: number;
  readonly chunkBytes: number;
  readonly hashes: readonly string[];
}

/** Makes the manifest of a file. Throws HerdError "data" if it cannot be read. */
export async function chunkHashes(path: string): Promise<ChunkManifest> {
  const { byteLength, chunks } = withFile(path, (file) => {
    const { size } = file.statSync();
    return { byteLength: size, chunks: Math.ceil(size / CHUNK_BYTES) };
  });
  const hashes: string[] = [];
  for (let index = 0; index < chunks; index++) {
    hashes.push(sha256(readChunk(path, index)));
    // Other work goes on while a large file is hashed.
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
  return { byteLength, chunkBytes: CHUNK_BYTES, hashes };
}

/** The bytes of a chunk of a file; the last one is shorter. Throws HerdError "data" if there is none. */
export function readChunk(path: string, index: number): Uint8Array<ArrayBuffer> {
  return withFile(path, (file) => {
    const { size } = file.statSync();
    const length = Math.min(CHUNK_BYTES, size - index * CHUNK_BYTES);
    const chunk = new Uint8Array(Math.max(0, Number.isInteger(index) && index >= 0 ? length : 0));
    if (chunk.length > 0 && readAtSync(file, index * CHUNK_BYTES, chunk) === chunk.length) return chunk;
    throw new HerdError("data", `'${path}' of ${size} bytes has no chunk ${index}: restart the run`);
  });
}

/**
 * Collects the chunks of a manifest in the cache directory, in one file named after the manifest's hash. Chunks that an
 * earlier fetch left there are kept, as far as their hashes are right; processes that collect the same file at once
 * write the same bytes to the same places. The final name appears when all chunks are there, and not before.
 */
export class ChunkedCacheWriter implements Disposable {
  /** Where the finished file stands. */
  readonly path: string;
  readonly #manifest: ChunkManifest;
  readonly #missing = new Set<number>();
  #file: Deno.FsFile | undefined;

  /** Throws HerdError "data" for a senseless manifest or a directory that cannot be written. */
  constructor(dir: string, manifest: ChunkManifest) {
    this.#manifest = checkManifest(manifest);
    const { byteLength, chunkBytes, hashes } = this.#manifest;
    const key = createHash("sha256").update(canonicalJson({ byteLength, chunkBytes, hashes })).digest("hex");
    this.path = join(dir, "fetched", `${key.slice(0, 32)}.herd`);
    if (isFileOf(this.path, byteLength)) {
      touch(this.path);
      return;
    }
    makeDirectory(join(dir, "fetched"));
    try {
      this.#file = Deno.openSync(partPath(this.path), { read: true, write: true, create: true });
    } catch (error) {
      throw writeFailure(this.path, error);
    }
    tryLock(this.#file, false, true); // it is in use
    this.#findMissing();
  }

  /** The indices of the chunks that are still to be written, ascending. */
  missing(): number[] {
    return [...this.#missing].sort((a, b) => a - b);
  }

  /** Checks a chunk and stores it; one that is there already is ignored. Throws HerdError "data". */
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

  /** Gives the complete file its name and returns it. Throws HerdError "data" if chunks are missing. */
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
    return this.path;
  }

  /** Closes the file; what was written stays for the next time. */
  [Symbol.dispose](): void {
    this.#file?.close();
    this.#file = undefined;
  }

  #findMissing(): void {
    const { byteLength, chunkBytes, hashes } = this.#manifest;
    const buffer = new Uint8Array(Math.min(chunkBytes, byteLength));
    const present = this.#file!.statSync().size;
    for (const [index, expected] of hashes.entries()) {
      const start = index * chunkBytes;
      const chunk = buffer.subarray(0, Math.min(chunkBytes, byteLength - start));
      const isThere = start + chunk.length <= present && readAtSync(this.#file!, start, chunk) === chunk.length &&
        sha256(chunk) === expected;
      if (!isThere) this.#missing.add(index);
    }
  }
}

function checkManifest(manifest: ChunkManifest): ChunkManifest {
  try {
    return v.parse(ChunkManifestSchema, manifest);
  } catch (error) {
    throw new HerdError("data", `The description of the data set is not valid (${messageOf(error)}): restart the run`, {
      cause: error,
    });
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

function withFile<T>(path: string, use: (file: Deno.FsFile) => T): T {
  try {
    using file = Deno.openSync(path, { read: true });
    return use(file);
  } catch (error) {
    if (error instanceof HerdError) throw error;
    throw new HerdError("data", `Cannot read '${path}': ${messageOf(error)}`, { cause: error });
  }
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
