// What the process of a worker may do and what is set around it, wherever it is started: by a launcher, or by
// `deno task worker`. A Deno process cannot give up the network or files host by host and folder by folder once it has
// them, so whoever wants a worker starts a process with one of these sets of permissions, and with no others.

import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { HerdError } from "./errors.ts";

/** What a worker beside the coordinator reaches. */
export interface LocalReach {
  /** The coordinator's, HOST:PORT. */
  readonly address: string;
  /** The packed data set. */
  readonly file: string;
  /** Tuned tiles of the GPU; the file need not be there. */
  readonly tiles: string;
  /** Herd's own folder there. */
  readonly home: string;
}

/** What a worker on another machine reaches. */
export interface RemoteReach {
  /** The coordinator's, HOST:PORT. */
  readonly address: string;
  /** Herd's cache folder there. */
  readonly cacheDir: string;
  /** Herd's own folder there. */
  readonly home: string;
}

/**
 * In every set: no code but what is there already (by default Deno fetches modules from some hosts, and packages, without any
 * permission), nothing of the environment, and nobody to ask for more.
 */
const NOTHING_ELSE = ["--cached-only", "--ignore-env", "--no-prompt"] as const;

/** What a worker consists of. A thread for its device loads it anew, and Deno asks for permission then. */
const CODE = ["data", "shared", "worker"] as const;

/**
 * Herd's own folder, of the URL of worker/main.ts.
 * @throws {HerdError} usage, if Herd was not loaded from files: a worker may read these, and fetch nothing
 */
export function homeOf(entry: URL): string {
  if (entry.protocol !== "file:") {
    const remedy = "load it from a copy on this machine (README, As a library)";
    throw new HerdError("usage", `Workers are started from files, and Herd was loaded from ${entry}: ${remedy}`);
  }
  return dirname(dirname(fileURLToPath(entry)));
}

/** Connects to one address, reads two files and its own code. @throws {HerdError} usage, for a path with a comma */
export function localWorkerFlags({ address, file, tiles, home }: LocalReach): string[] {
  return [`--allow-net=${address}`, `--allow-read=${reading([file, tiles], home)}`, ...NOTHING_ELSE];
}

/**
 * Connects to one address, keeps the data set in the cache, reads its own code, and knows the name of its machine.
 * @throws {HerdError} usage, for a path with a comma
 */
export function remoteWorkerFlags({ address, cacheDir, home }: RemoteReach): string[] {
  return remoteFlags([address], { read: reading([cacheDir], home), write: nameable(cacheDir) });
}

/**
 * A relay also lets its workers in, at a port of the loopback that the system chooses, and starts them. Deno does not look
 * at what is started by it: whoever could bring a relay to start a process of his own choice would be out of the set.
 * @param deno the path of Deno, with which it starts them
 * @throws {HerdError} usage, for a path with a comma
 */
export function relayFlags(
  { address, cacheDir, deno }: Omit<RemoteReach, "home"> & { readonly deno: string },
): string[] {
  const cache = nameable(cacheDir);
  const flags = remoteFlags([address, "127.0.0.1:0"], { read: cache, write: cache });
  return [...flags, `--allow-run=${nameable(deno)}`];
}

function remoteFlags(
  addresses: readonly string[],
  { read, write }: { readonly read: string; readonly write: string },
): string[] {
  const files = [`--allow-read=${read}`, `--allow-write=${write}`];
  return [`--allow-net=${addresses.join(",")}`, ...files, "--allow-sys=hostname", ...NOTHING_ELSE];
}

function reading(data: readonly string[], home: string): string {
  return [...data, ...CODE.map((folder) => `${home}/${folder}`)].map(nameable).join(",");
}

/**
 * The environment of every worker, and of a relay. Mesa's device selection keeps quiet.
 * The rest keeps a worker's memory level. Of the pieces of 64 KiB in which a frame arrives, Deno keeps some for reuse; those
 * that V8 frees in the background were seen to gather unused, up to 16 MB. And glibc gives the memory of a frame back to the
 * system, which by default it keeps once it has freed one, in a heap for each thread that grows around its holes
 * (mallopt(3), M_MMAP_THRESHOLD). Other systems do not read it.
 */
export const WORKER_ENVIRONMENT = {
  NODEVICE_SELECT: "1",
  DENO_V8_FLAGS: "--no-concurrent-array-buffer-sweeping",
  MALLOC_MMAP_THRESHOLD_: "1000000",
  MALLOC_ARENA_MAX: "2",
} as const;

/** The same with Mesa's device selection, which says a word on stderr where there is no screen. */
const { NODEVICE_SELECT: _, ...SELECTING } = WORKER_ENVIRONMENT;

/**
 * The environment of a worker that is to use a certain GPU. Mesa's device selection puts it first, so it must not be switched
 * off: that NODEVICE_SELECT is not inherited either is a matter of whoever starts the worker.
 * @param gpu DRI_PRIME, such as "pci-0000_41_00_0"; undefined for any
 */
export function workerEnvironment(gpu: string | undefined): Readonly<Record<string, string>> {
  return gpu ? { ...SELECTING, DRI_PRIME: gpu } : WORKER_ENVIRONMENT;
}

/** The environment of a relay, whose workers inherit it. @param gpus the GPUs that it can give to them */
export function relayEnvironment(gpus: readonly string[] = []): Readonly<Record<string, string>> {
  return gpus.length > 0 ? SELECTING : WORKER_ENVIRONMENT;
}

/**
 * A path as the value of a permission. A comma begins another one there, which could be any, and Deno knows no way to write it.
 * @throws {HerdError} usage, for a path with a comma
 */
export function nameable(path: string): string {
  if (!path.includes(",")) return path;
  const why = "has a comma, and Deno's permissions cannot name it";
  throw new HerdError("usage", `The path ${path} ${why}: use another one (HERD_CACHE_DIR says where the cache is)`);
}
