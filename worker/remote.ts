// A worker on another machine: fetches the packed data set from the coordinator once, then serves like a local one.
import { ChunkedCacheWriter } from "../data/mod.ts";
import type { Backend } from "../shared/engine_names.ts";
import { prepareEngine } from "./prepare.ts";
import { samplesFrom } from "./samples.ts";
import { runSession, type SessionOptions } from "./session.ts";

/** What `deno task worker` is told. */
export interface RemoteWorkerOptions {
  /** ws[s]://HOST:PORT */
  readonly url: string;
  readonly token: string;
  /** Authorities to trust instead of the public ones, as PEM. */
  readonly authority: string | undefined;
  readonly backend?: Backend;
  /** Herd's cache folder. */
  readonly cacheDir: string;
  readonly version: string;
  /** Receives lines for people. */
  log(text: string): void;
}

/**
 * Serves one run; returns when the coordinator ends it.
 * @throws {HerdError} cluster or data
 */
export async function runRemoteWorker(options: RemoteWorkerOptions): Promise<void> {
  await runSession({
    ...options,
    name: "",
    hostName: Deno.hostname(),
    prepareEngine,
    openSamples: fetchedSamples(options.cacheDir, options.log),
  });
}

/** Opens a copy of the coordinator's packed data set; what is missing of it in the cache folder is fetched first. */
export function fetchedSamples(cacheDir: string, log: (text: string) => void): SessionOptions["openSamples"] {
  return async (manifest, fetch) => {
    using writer = new ChunkedCacheWriter(cacheDir, manifest);
    const missing = writer.missing();
    if (missing.length > 0) log(`fetching ${missing.length} of ${manifest.hashes.length} chunks of the data set`);
    for (const index of missing) await writer.write(index, await fetch(index));
    return samplesFrom(await writer.finish());
  };
}
