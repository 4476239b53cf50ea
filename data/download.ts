// Downloading one file whose size and SHA-256 are known: resumed where an earlier try broke off, never waiting for ever.
import { createHash } from "node:crypto";
import { partPath } from "../shared/atomic_file.ts";
import { HerdError, messageOf } from "../shared/errors.ts";
import { leastProgress, Progress, PROGRESS_LIMITS, type ProgressLimits } from "../shared/progress.ts";
import { isThere, touch } from "./cache.ts";
import { delay, PartFile } from "./part_file.ts";

/** A file to fetch. */
export interface Download {
  readonly url: URL;
  readonly bytes: number;
  /** In hexadecimal. */
  readonly sha256: string;
}

export interface DownloadOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called with the bytes of this file that are there, after every piece. */
  readonly onBytes?: (done: number) => void;
  readonly onNotice?: ((text: string) => void) | undefined;
  readonly deadlines?: Deadlines;
}

/** How long to wait for a server. */
export interface Deadlines {
  /** Until there is a connection, in milliseconds. */
  readonly connect: number;
  /** What must come, once there is a connection. */
  readonly progress: ProgressLimits;
  /** Pauses before the second, third, … try, in milliseconds: their number limits the tries. */
  readonly pauses: readonly number[];
}

const READ_BYTES = 1 << 20;

export const DEADLINES: Deadlines = { connect: 5_000, progress: PROGRESS_LIMITS, pauses: [500, 2_000, 5_000, 10_000] };

/** The server was not reached: the only failure after which Herd may fall back to the procedural set. */
export class NoConnectionError extends HerdError {
  constructor(message: string, options?: ErrorOptions) {
    super("data", message, options);
  }
}

/** A try that may be repeated: the connection broke, stalled, or the server was busy. */
class BrokenOff extends Error {}

/** A try that did not get as far as a connection. */
class Unreachable extends Error {}

/**
 * Fetches a file to `path` by way of `path`.part, which stays behind when the download breaks off, and checks it. Does
 * nothing if `path` is there. Throws HerdError "data" for a wrong size, hash or status, a full disk, or a connection
 * that keeps breaking; NoConnectionError if there was none; the signal's reason when aborted.
 */
export async function download(file: Download, path: string, options: DownloadOptions = {}): Promise<void> {
  if (isThere(path)) return;
  const { signal, onNotice } = options;
  using part = await PartFile.openAlone(path, { keep: true, signal, onNotice });
  // The process that held the lock before may have finished the file.
  if (isThere(path)) return part.discard();
  await fetchWithRetries(file, part, options);
  const hash = hashOf(partPath(path));
  if (hash !== file.sha256) {
    part.discard();
    throw new HerdError(
      "data",
      `The file fetched from ${file.url} has SHA-256 ${hash} instead of ${file.sha256}: ` +
        "run again, or set HERD_DATA_URL to a sound copy",
    );
  }
  await part.commit();
}

/** Checks a file that was fetched before, and is now used. Throws HerdError "data". */
export function verify(path: string, { sha256 }: Download): void {
  if (hashOf(path) === sha256) return touch(path);
  throw new HerdError("data", `'${path}' does not have the right size and SHA-256: delete it and run again`);
}

/** The SHA-256 of a file, in hexadecimal. */
function hashOf(path: string): string {
  try {
    using file = Deno.openSync(path, { read: true });
    const hash = createHash("sha256");
    const buffer = new Uint8Array(READ_BYTES);
    for (let read = file.readSync(buffer); read !== null; read = file.readSync(buffer)) {
      hash.update(buffer.subarray(0, read));
    }
    return hash.digest("hex");
  } catch (error) {
    throw new HerdError("data", `Cannot read '${path}' (${messageOf(error)}): delete it and run again`, {
      cause: error,
    });
  }
}

async function fetchWithRetries(file: Download, part: PartFile, options: DownloadOptions): Promise<void> {
  const { connect, pauses } = options.deadlines ?? DEADLINES;
  let contacted = false;
  for (let tries = 1;; tries++) {
    try {
      return await fetchRest(file, part, options);
    } catch (error) {
      options.signal?.throwIfAborted();
      if (error instanceof Unreachable && !contacted) {
        throw new NoConnectionError(
          `No connection to ${file.url.host} within ${connect / 1000} s (${error.message}): check the network, set ` +
            "HERD_DATA_DIR to a copy or HERD_DATA_URL to a mirror, or use --data procedural",
          { cause: error },
        );
      }
      if (!(error instanceof BrokenOff) && !(error instanceof Unreachable)) throw error;
      contacted = true;
      const pause = pauses[tries - 1];
      if (pause !== undefined) await delay(pause, options.signal);
      else throw gaveUp(file, { part, tries, error });
    }
  }
}

function gaveUp(file: Download, { part, tries, error }: { part: PartFile; tries: number; error: Error }): HerdError {
  return new HerdError(
    "data",
    `The download of ${file.url} broke off ${tries} times, at last at byte ${part.size} of ${file.bytes} ` +
      `(${error.message}): run again to go on from there`,
    { cause: error },
  );
}

/** One try: asks for what is missing and appends what comes. */
async function fetchRest(file: Download, part: PartFile, options: DownloadOptions): Promise<void> {
  if (part.size > file.bytes) part.empty();
  if (part.size === file.bytes) return;
  using watchdog = new Watchdog(options.deadlines ?? DEADLINES);
  const response = await open(file, { ...options, from: part.size, watchdog });
  try {
    accept(response, file, part);
    for await (const piece of response.body ?? []) {
      watchdog.received += piece.length;
      if (part.size + piece.length > file.bytes) throw wrongSize(file, "more than");
      await part.write(piece);
      options.onBytes?.(part.size);
    }
  } catch (error) {
    await response.body?.cancel().catch(() => {});
    options.signal?.throwIfAborted();
    throw error instanceof HerdError || error instanceof BrokenOff ? error : new BrokenOff(textOf(error));
  }
  if (part.size < file.bytes) throw new BrokenOff("the server ended too early");
}

/** Sends the request and waits for the answer's head; the watchdog waits for the first bytes then. */
async function open(
  { url }: Download,
  options: DownloadOptions & { from: number; watchdog: Watchdog },
): Promise<Response> {
  const { from, watchdog, signal } = options;
  watchdog.awaitConnection();
  using _probe = probe(url, () => watchdog.awaitBytes());
  // Another encoding would change the bytes that Range counts.
  const headers: Record<string, string> = { "accept-encoding": "identity" };
  if (from > 0) headers.range = `bytes=${from}-`;
  try {
    const signals = signal ? [signal, watchdog.signal] : [watchdog.signal];
    const response = await fetch(url, { headers, signal: AbortSignal.any(signals) });
    watchdog.awaitBytes();
    return response;
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof BrokenOff || error instanceof Unreachable) throw error;
    const text = textOf(error);
    if (/certificate/i.test(text)) {
      throw new HerdError("data", `${url.host} has no valid certificate (${text}): check the network's proxy`, {
        cause: error,
      });
    }
    // The wording of the HTTP client inside Deno: DNS failure, refusal and no route all carry it.
    const reason = /\(connect\):? *(.*)$/is.exec(text)?.[1];
    throw reason === undefined ? new BrokenOff(text) : new Unreachable(reason || text);
  }
}

/**
 * fetch() does not tell when it is connected, and a server that thinks for long is not a missing connection: a second,
 * bare connection calls back when it stands. Behind a proxy it may never do so; then the answer itself has to come.
 */
function probe(url: URL, onConnected: () => void): Disposable {
  const ended = new AbortController();
  const hostname = url.hostname.replace(/^\[|\]$/g, "");
  const port = Number(url.port) || (url.protocol === "https:" ? 443 : 80);
  // Nobody waits for it: looking up a name may take longer than the deadline.
  Deno.connect({ hostname, port, signal: ended.signal }).then((connection) => {
    connection.close();
    if (!ended.signal.aborted) onConnected();
  }).catch(() => {});
  return { [Symbol.dispose]: () => ended.abort() };
}

/** Decides from the status where the coming bytes belong. */
function accept(response: Response, file: Download, part: PartFile): void {
  const { status, headers } = response;
  if (status === 206) {
    const range = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(headers.get("content-range") ?? "");
    if (range && range[2] !== "*" && Number(range[2]) !== file.bytes) throw wrongSize(file, range[2]!);
    if (range && Number(range[1]) === part.size) return;
    part.empty();
    throw new BrokenOff("the server sent another part than asked for");
  }
  if (status === 416) {
    part.empty();
    throw new BrokenOff("the server refused to go on from there");
  }
  if (status === 429 || status >= 500) throw new BrokenOff(`the server answered ${status}`);
  if (status !== 200) {
    throw new HerdError("data", `${file.url} answers ${status} ${response.statusText}: check HERD_DATA_URL`);
  }
  // A server that knows no ranges starts again.
  part.empty();
  const length = headers.get("content-length");
  if (length !== null && Number(length) !== file.bytes) throw wrongSize(file, length);
}

function wrongSize({ url, bytes }: Download, seen: string): HerdError {
  const size = seen === "more than" ? `more than ${bytes} bytes` : `${seen} bytes instead of ${bytes}`;
  return new HerdError("data", `The file at ${url} has ${size}: set HERD_DATA_URL to a sound copy`);
}

/** The innermost message says what happened; fetch wraps it. */
function textOf(error: unknown): string {
  let text = messageOf(error);
  for (let inner = error; inner instanceof Error; inner = inner.cause) text = inner.message;
  return text;
}

/** Aborts a try that does not get on. */
class Watchdog implements Disposable {
  /** Bytes that have come so far. */
  received = 0;
  readonly #deadlines: Deadlines;
  readonly #controller = new AbortController();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(deadlines: Deadlines) {
    this.#deadlines = deadlines;
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  awaitConnection(): void {
    const abort = () => this.#controller.abort(new Unreachable("it timed out"));
    this.#timer = setTimeout(abort, this.#deadlines.connect);
  }

  /** From now on bytes must come. */
  awaitBytes(): void {
    clearInterval(this.#timer);
    const limits = this.#deadlines.progress;
    const progress = new Progress(this.received, limits);
    this.#timer = setInterval(() => {
      if (!progress.hasStalled(this.received)) return;
      this.#controller.abort(new BrokenOff(`less than ${leastProgress(limits)} came`));
    }, limits.lookMs);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}
