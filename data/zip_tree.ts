// A zip file as a tree of files: the directory at its end is read once, then one entry at a time, so that an archive of
// any size needs the memory of one image. Sizes and CRC-32 of every entry are checked, sizes before anything is inflated.
import { crc32 } from "node:zlib";
import { formatBytes } from "../shared/cli/format.ts";
import { HerdError, messageOf } from "../shared/errors.ts";
import { type FileTree, isVisible, type TreeEntry } from "./file_tree.ts";
import { refuseLargeFile } from "./image_limits.ts";
import { inflateExactly } from "./inflate.ts";
import { type Readable, readAt } from "./read_at.ts";
import { openRegular } from "./regular_file.ts";

interface ZipEntry {
  readonly flags: number;
  readonly method: number;
  readonly crc: number;
  readonly compressedBytes: number;
  readonly bytes: number;
  readonly offset: number;
  /** The kind of file in Unix's terms; 0 if the archiver knew none. */
  readonly fileType: number;
}

const END_SIGNATURE = 0x06054b50;
const END_BYTES = 22;
const DIRECTORY_SIGNATURE = 0x02014b50;
const DIRECTORY_BYTES = 46;
const LOCAL_SIGNATURE = 0x04034b50;
const LOCAL_BYTES = 30;
const ENCRYPTED = 1;
const STORED = 0;
const DEFLATED = 8;
const UNIX = 3;
const FILE_TYPE = 0o170000;
const REGULAR_FILE = 0o100000;
/** Of the list of entries: they are at most 65,535, and most take less than 200 bytes. */
const MOST_DIRECTORY_BYTES = 64e6;

export class ZipTree implements FileTree {
  readonly root: string;
  readonly #file: Readable & Disposable;
  readonly #bytes: number;
  #entries: ReadonlyMap<string, ZipEntry> = new Map();
  #directories: ReadonlyMap<string, ReadonlyMap<string, TreeEntry>> = new Map();

  private constructor(root: string, file: Readable & Disposable, bytes: number) {
    this.root = root;
    this.#file = file;
    this.#bytes = bytes;
  }

  /** Opens a zip file. Throws HerdError "data" if it is absent or no sound zip file. */
  static async open(root: string): Promise<ZipTree> {
    using opened = new DisposableStack();
    let tree: ZipTree;
    try {
      const file = opened.use(await openRegular(root));
      tree = new ZipTree(root, file, (await file.stat()).size);
    } catch (error) {
      throw new HerdError("data", `Cannot open '${root}': ${messageOf(error)}`, { cause: error });
    }
    tree.#entries = await tree.#readDirectory();
    tree.#directories = directoriesOf(tree.#entries);
    opened.move();
    return tree;
  }

  list(directory: string): TreeEntry[] {
    return [...this.#directories.get(directory)?.values() ?? []];
  }

  async read(path: string): Promise<Uint8Array> {
    const entry = this.#entries.get(path);
    if (!entry) throw this.#broken(`has no entry '${path}'`);
    const { flags, method, compressedBytes, bytes, offset, fileType } = entry;
    if (fileType !== 0 && fileType !== REGULAR_FILE) {
      throw this.#broken(`has an entry '${path}' that is no regular file`);
    }
    if (flags & ENCRYPTED) throw this.#broken(`has an encrypted entry '${path}'`);
    if (method !== STORED && method !== DEFLATED) {
      throw this.#broken(`has an entry '${path}' packed by method ${method}, which is not deflate`);
    }
    try {
      refuseLargeFile(Math.max(bytes, compressedBytes));
    } catch (error) {
      throw this.#broken(`has an entry '${path}' that is too large (${messageOf(error)})`, error);
    }
    const local = await this.#readAt(offset, LOCAL_BYTES);
    if (local.getUint32(0, true) !== LOCAL_SIGNATURE) throw this.#broken(`has no data where '${path}' should be`);
    const start = offset + LOCAL_BYTES + local.getUint16(26, true) + local.getUint16(28, true);
    const packed = bytesOf(await this.#readAt(start, compressedBytes));
    const content = method === STORED ? packed : this.#inflate(packed, { path, bytes });
    if (content.length !== bytes || crc32(content) !== entry.crc) {
      throw this.#broken(`has a damaged entry '${path}' (its CRC-32 or size is wrong)`);
    }
    return content;
  }

  shown(path: string): string {
    return path === "" ? this.root : `${this.root}:${path}`;
  }

  [Symbol.dispose](): void {
    this.#file[Symbol.dispose]();
  }

  #inflate(packed: Uint8Array, { path, bytes }: { path: string; bytes: number }): Uint8Array {
    try {
      return inflateExactly(packed, { bytes, frame: "raw" });
    } catch (error) {
      throw this.#broken(`has a damaged entry '${path}' (${messageOf(error)})`, error);
    }
  }

  async #readDirectory(): Promise<Map<string, ZipEntry>> {
    const { count, start, bytes } = await this.#findDirectory();
    if (bytes > MOST_DIRECTORY_BYTES) {
      const limit = `the limit is ${formatBytes(MOST_DIRECTORY_BYTES)}`;
      throw this.#broken(`has a directory of ${formatBytes(bytes)}, ${limit}`);
    }
    const directory = await this.#readAt(start, bytes);
    const entries = new Map<string, ZipEntry>();
    let at = 0;
    for (let i = 0; i < count; i++) {
      if (at + DIRECTORY_BYTES > bytes || directory.getUint32(at, true) !== DIRECTORY_SIGNATURE) {
        throw this.#broken(`has a damaged directory at entry ${i} of ${count}`);
      }
      const nameBytes = directory.getUint16(at + 28, true);
      const nextAt = at + DIRECTORY_BYTES + nameBytes + directory.getUint16(at + 30, true) +
        directory.getUint16(at + 32, true);
      if (nextAt > bytes) throw this.#broken(`has a damaged directory at entry ${i} of ${count}`);
      const name = new TextDecoder().decode(bytesOf(directory).subarray(at + DIRECTORY_BYTES).subarray(0, nameBytes));
      const isUnix = directory.getUint8(at + 5) === UNIX;
      entries.set(name, {
        fileType: isUnix ? directory.getUint16(at + 40, true) & FILE_TYPE : 0,
        flags: directory.getUint16(at + 8, true),
        method: directory.getUint16(at + 10, true),
        crc: directory.getUint32(at + 16, true),
        compressedBytes: directory.getUint32(at + 20, true),
        bytes: directory.getUint32(at + 24, true),
        offset: directory.getUint32(at + 42, true),
      });
      at = nextAt;
    }
    return entries;
  }

  /** The end record stands in the last 22 bytes, or before a comment of at most 65535 bytes. */
  async #findDirectory(): Promise<{ count: number; start: number; bytes: number }> {
    const length = Math.min(this.#bytes, END_BYTES + 0xffff);
    const tail = await this.#readAt(this.#bytes - length, length);
    for (let at = length - END_BYTES; at >= 0; at--) {
      if (tail.getUint32(at, true) !== END_SIGNATURE) continue;
      const count = tail.getUint16(at + 10, true);
      const [bytes, start] = [tail.getUint32(at + 12, true), tail.getUint32(at + 16, true)];
      if (count === 0xffff || start === 0xffffffff) throw this.#broken("is a zip64 archive, which Herd does not read");
      return { count, start, bytes };
    }
    throw this.#broken("is cut short or not a zip file");
  }

  async #readAt(offset: number, length: number): Promise<DataView> {
    // Lengths come from the file: believe none that it has no room for.
    if (offset + length > this.#bytes) throw this.#broken("is cut short");
    const target = new Uint8Array(length);
    try {
      if (await readAt(this.#file, offset, target) === length) return new DataView(target.buffer);
    } catch (error) {
      throw this.#broken(`cannot be read (${messageOf(error)})`, error);
    }
    throw this.#broken("is cut short");
  }

  #broken(what: string, cause?: unknown): HerdError {
    return new HerdError("data", `The archive '${this.root}' ${what}: fetch or make it again`, { cause });
  }
}

function bytesOf(view: DataView): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}

/** Parts of a path in a zip file; what lies deeper is not looked at. */
const MOST_DEPTH = 16;

/** Zip files list files only (directories are optional): the tree follows from the paths. */
function directoriesOf(entries: ReadonlyMap<string, ZipEntry>): Map<string, Map<string, TreeEntry>> {
  const directories = new Map<string, Map<string, TreeEntry>>([["", new Map()]]);
  for (const [path, { bytes, crc }] of entries) {
    const parts = path.split("/");
    const isDirectory = parts.at(-1) === "";
    if (isDirectory) parts.pop();
    // Images lie a few folders deep; every one above costs memory.
    if (parts.length > MOST_DEPTH || !parts.every(isVisible)) continue;
    parts.forEach((name, depth) => {
      const parent = parts.slice(0, depth).join("/");
      const isFile = depth === parts.length - 1 && !isDirectory;
      const stamp = isFile ? `${bytes} ${crc}` : "";
      if (!directories.has(parent)) directories.set(parent, new Map());
      directories.get(parent)!.set(name, { name, kind: isFile ? "file" : "directory", stamp });
    });
    if (isDirectory && !directories.has(parts.join("/"))) directories.set(parts.join("/"), new Map());
  }
  return directories;
}
