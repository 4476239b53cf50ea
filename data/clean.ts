// The bound on Herd's cache folder: what was not used for longest is removed first, and never what is in use.
import { join } from "node:path";
import { formatBytes } from "../shared/cli/format.ts";
import { messageOf } from "../shared/errors.ts";
import { tryLock } from "./cache.ts";
import { TEST_ZIP, TRAIN_ZIP } from "./image_layout.ts";
import { openLock } from "./log_folder.ts";

/** Bytes that the cache may have: some twenty sets as large as Horses or Humans at 300 pixels, and little of a disk. */
export const CACHE_LIMIT = 10e9;

/** What was used so lately, in milliseconds, may be about to be opened. */
const LATELY_MS = 10 * 60_000;

/** A folder of the cache: packed data sets, those fetched from a coordinator, the original archives, the relays' logs. */
export type CacheKind = "packed" | "fetched" | "downloads" | "relays";

/** What each is called, and what in it is Herd's: a user may have put the cache beside other things. */
const KINDS: Readonly<Record<CacheKind, { readonly title: string; readonly names: RegExp }>> = {
  packed: { title: "packed", names: /^[0-9a-f]{32}\.herd(\.|$)/ },
  fetched: { title: "fetched", names: /^[0-9a-f]{32}\.herd(\.|$)/ },
  downloads: { title: "downloads", names: new RegExp(`^(${TRAIN_ZIP}|${TEST_ZIP})(\\.|$)`) },
  relays: { title: "relays' logs", names: /^[0-9a-f]{16}-[\w.:-]+$/ },
};

/** A file of the cache; of the relays' logs, the folder of one relay. */
export interface CacheFile {
  /** The folder in which it is. */
  readonly kind: CacheKind;
  /** Where it is. */
  readonly path: string;
  /** Its size. */
  readonly bytes: number;
  /** When it was used last, in milliseconds since 1970. */
  readonly used: number;
  /** Whether it was being made by a process that may be gone, and cannot be gone on with. */
  readonly isScrap: boolean;
}

/** What a cache has, and what was removed from it. */
export interface CacheReport {
  /** Herd's cache folder. */
  readonly cacheDir: string;
  /** Bytes that may stay. */
  readonly limit: number;
  /** What is there now. */
  readonly files: readonly CacheFile[];
  /** What was there and is gone. */
  readonly removed: readonly CacheFile[];
  /** What could not be read or removed, and why: a sentence each. */
  readonly failures: readonly string[];
}

/**
 * Which files to remove, in this order: scrap, then as many of the least recently used as are over the limit, but none that
 * were used in the last minutes. Those that are in use count, and stay.
 */
export function filesToRemove(
  files: readonly CacheFile[],
  { limit, now, inUse }: { readonly limit: number; readonly now: number; readonly inUse: ReadonlySet<CacheFile> },
): CacheFile[] {
  const free = files.filter((file) => !inUse.has(file));
  const remove = free.filter(({ isScrap }) => isScrap);
  let over = sizeOf(files) - sizeOf(remove) - limit;
  // A clock that went wrong must not keep a file for ever: what comes from the future was used long ago.
  const lastUse = ({ used }: CacheFile) => used > now ? 0 : used;
  const old = free.filter(({ isScrap, used }) => !isScrap && Math.abs(now - used) > LATELY_MS);
  for (const file of old.sort((a, b) => lastUse(a) - lastUse(b))) {
    if (over <= 0) break;
    remove.push(file);
    over -= file.bytes;
  }
  return remove;
}

/**
 * Keeps the cache below its limit, and removes what killed processes have left unfinished. What cannot be removed stays,
 * and is told.
 * @param cacheDir Herd's cache folder; it need not be there
 * @param options the bytes that may stay, by default 10 GB, and the present time in milliseconds since 1970
 */
export function cleanCache(
  cacheDir: string,
  { limit = CACHE_LIMIT, now = Date.now() }: { readonly limit?: number; readonly now?: number } = {},
): CacheReport {
  const failures: string[] = [];
  const fail: Fail = (what, path, error) => void failures.push(`Cannot ${what} '${path}' (${messageOf(error)})`);
  const files = new Set(listCache(cacheDir, fail));
  const removed: CacheFile[] = [];
  const inUse = new Set<CacheFile>();
  for (;;) {
    const [next] = filesToRemove([...files], { limit, now, inUse });
    if (next === undefined) return { cacheDir, limit, files: [...files], removed, failures };
    if (!removeUnlessUsed(next, fail)) {
      inUse.add(next);
      continue;
    }
    files.delete(next);
    removed.push(next);
  }
}

/** Lines that tell what the cache has, its limit, and what was freed. */
export function describeCache({ cacheDir, limit, files, removed }: CacheReport): string[] {
  const kinds = Object.entries(KINDS).map(([kind, { title }]) =>
    `${title} ${formatBytes(sizeOf(files.filter((file) => file.kind === kind)))}`
  );
  return [
    `Cache   ${cacheDir}: ${formatBytes(sizeOf(files))} of at most ${formatBytes(limit)} (${kinds.join(", ")})`,
    `Freed   ${formatBytes(sizeOf(removed))} (${removed.length} removed, least recently used first)`,
  ];
}

/** Takes what could not be done with a path, and what it threw. */
type Fail = (what: "read" | "remove", path: string, error: unknown) => void;

function listCache(cacheDir: string, fail: Fail): CacheFile[] {
  return Object.entries(KINDS).flatMap(([kind, { names }]) => {
    const folder = join(cacheDir, kind);
    return entriesOf(folder, fail).filter(({ name }) => names.test(name)).flatMap(({ name, isFile, isDirectory }) => {
      if (kind === "relays" ? !isDirectory : !isFile) return [];
      const path = join(folder, name);
      const isScrap = kind === "packed" && !name.endsWith(".herd");
      return [{ kind: kind as CacheKind, path, ...measure(path, isDirectory, fail), isScrap }];
    });
  });
}

/** Bytes and last use, of a folder those of all files in it. */
function measure(path: string, isDirectory: boolean, fail: Fail): { bytes: number; used: number } {
  const paths = isDirectory ? entriesOf(path, fail).map(({ name }) => join(path, name)) : [path];
  let [bytes, used] = [0, 0];
  for (const one of paths) {
    try {
      const { size, mtime } = Deno.lstatSync(one);
      [bytes, used] = [bytes + size, Math.max(used, mtime?.getTime() ?? 0)];
    } catch {
      // It is gone.
    }
  }
  return { bytes, used };
}

function entriesOf(folder: string, fail: Fail): Deno.DirEntry[] {
  try {
    return [...Deno.readDirSync(folder)];
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) fail("read", folder, error);
    return [];
  }
}

/** Whether it was not in use and is gone now. */
function removeUnlessUsed({ kind, path, used }: CacheFile, fail: Fail): boolean {
  const isDirectory = kind === "relays";
  try {
    using lock = isDirectory ? openLock(path) : Deno.openSync(path, { read: true });
    // Only the lock tells whether a process is at work with it; the time, whether one has been since it was listed.
    if (!tryLock(lock, true, false) || (!isDirectory && measure(path, false, fail).used !== used)) return false;
    Deno.removeSync(path, { recursive: isDirectory });
    return true;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) fail("remove", path, error);
    return false;
  }
}

function sizeOf(files: readonly CacheFile[]): number {
  return files.reduce((sum, { bytes }) => sum + bytes, 0);
}
