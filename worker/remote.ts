// A worker on another machine: fetches the packed data set from the coordinator once, then serves like a local one.
import { ChunkedCacheWriter, tilesFileIn } from "../data/mod.ts";
import type { Backend } from "../shared/engine_names.ts";
import type { OrderComputer } from "../shared/order_computer.ts";
import { prepareEngine } from "./prepare.ts";
import { type JoinedRun, type PrepareOptions, runSession } from "./session.ts";

/** What a worker on another machine is told. */
export interface RemoteWorkerOptions {
  /** What it calls itself; by default the coordinator chooses. */
  readonly name?: string;
  /** ws[s]://HOST:PORT */
  readonly url: string;
  /** What the coordinator lets workers in by. */
  readonly token: string;
  /** By which it proves its name, where a launcher has given it one. */
  readonly secret?: string;
  /** Authorities to trust instead of the public ones, as PEM. */
  readonly authority?: string;
  /** The engine, "auto" for the best one here; without it the coordinator's wish is taken. */
  readonly backend?: Backend;
  /** Herd's cache folder. */
  readonly cacheDir: string;
  /** Makes what computes, given the path that the packed data set will have; by default an engine of this process. */
  prepare?(run: JoinedRun, path: Promise<string>): Promise<OrderComputer>;
  /** Receives lines for people. */
  log(text: string): void;
}

/**
 * Serves one run; returns when the coordinator ends it.
 * @throws {HerdError} cluster or data
 */
export async function runRemoteWorker(
  { cacheDir, prepare, ...options }: RemoteWorkerOptions,
): Promise<void> {
  const ownEngine = (run: JoinedRun, path: Promise<string>) =>
    prepareEngine({ ...run, tilesFile: tilesFileIn(cacheDir) }, path);
  // Of the connection before: its end may not have been noticed yet.
  let fetching: Promise<unknown> = Promise.resolve();
  await runSession({
    name: "",
    ...options,
    hostName: Deno.hostname(),
    prepare(run) {
      const path = fetching.then(() => fetchDataset(run, cacheDir, options.log));
      fetching = path.catch(() => {}); // thrown where the path is awaited
      return (prepare ?? ownEngine)(run, path);
    },
  });
}

/** The path of a copy of the coordinator's packed data set; what is missing of it in the cache folder is fetched first. */
export async function fetchDataset(
  { manifest, fetch }: Pick<PrepareOptions, "manifest" | "fetch">,
  cacheDir: string,
  log: (text: string) => void,
): Promise<string> {
  const dataset = await manifest();
  using writer = await ChunkedCacheWriter.open(cacheDir, dataset);
  const missing = writer.missing();
  if (missing.length > 0) log(`fetching ${missing.length} of ${dataset.hashes.length} chunks of the data set`);
  for (const index of missing) await writer.write(index, await fetch(index));
  return await writer.finish();
}
