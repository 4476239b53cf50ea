// Local workers: separate processes with the least permissions, told by one line on stdin where to connect.
import { join } from "node:path";
import { HerdError, messageOf } from "../shared/errors.ts";

/** What local workers are started with. */
export interface LaunchOptions {
  readonly count: number;
  /** worker/main.ts, as a URL: the coordinator never imports it. */
  readonly entry: URL;
  /** HOST:PORT of the coordinator: all that a worker may connect to. */
  readonly address: string;
  readonly token: string;
  /** The packed data set: all that a worker may read. */
  readonly cachePath: string;
  readonly version: string;
  /** Receives what a worker prints, in w1.log, w2.log, …. */
  readonly logDir: string;
  /** A worker's process has ended although nobody asked it to, and is started again after a while. */
  onRestart(text: string): void;
  /** A worker's process has ended too often, or its log cannot be written; `left` others are still looked after. */
  onGivenUp(error: HerdError, left: number): void;
}

/** What ended workers get to say goodbye before they are killed. */
const GRACE_MS = 1_000;
const LOG_LINES = 5;
/** A worker is started again so often in a row; a process that lived for a while is forgiven what came before it. */
const MOST_RESTARTS = 5;
const FORGIVEN_AFTER_MS = 60_000;
/** Wait before the first restart; doubled each time. */
const FIRST_WAIT_MS = 250;

/** The running processes; those that end are started again. Disposing ends them: stdin closes, then SIGTERM, then SIGKILL. */
export class LocalWorkers implements AsyncDisposable {
  readonly #options: LaunchOptions;
  readonly #children = new Map<string, Deno.ChildProcess>();
  readonly #supervised: Promise<void>[];
  readonly #stop = Promise.withResolvers<void>();
  #left: number;
  #stopping = false;

  private constructor(options: LaunchOptions) {
    this.#options = options;
    this.#left = options.count;
    this.#supervised = Array.from({ length: options.count }, (_, i) => this.#supervise(nameOf(i)));
  }

  /** Starts the processes. */
  static start(options: LaunchOptions): LocalWorkers {
    return new LocalWorkers(options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping = true;
    this.#stop.resolve();
    const timer = setTimeout(() => this.#kill("SIGKILL"), GRACE_MS);
    await Promise.all([...this.#children.values()].map((child) => child.stdin.close().catch(() => {})));
    this.#kill("SIGTERM");
    await Promise.all(this.#supervised);
    clearTimeout(timer);
  }

  /** Ends a worker's process that hangs, so that it is started again. */
  kill(name: string): void {
    const child = this.#children.get(name);
    if (child !== undefined) send(child, "SIGKILL");
  }

  /** Runs one worker's process, again and again while that makes sense. */
  async #supervise(name: string): Promise<void> {
    const log = join(this.#options.logDir, `${name}.log`);
    let ends = 0;
    while (!this.#stopping) {
      const started = performance.now();
      let story: string;
      try {
        const size = (await Deno.stat(log).catch(() => ({ size: 0 }))).size;
        story = `${await this.#runOnce(name, log)}; the end of ${log}:\n${await tail(log, size)}`;
      } catch (cause) {
        return this.#giveUp(new HerdError("data", `Cannot write ${log}: ${messageOf(cause)}`, { cause }));
      }
      if (this.#stopping) return;
      ends = performance.now() - started > FORGIVEN_AFTER_MS ? 1 : ends + 1;
      if (ends > MOST_RESTARTS) {
        const often = `is not started again: its process has ended ${ends} times in a row, and now`;
        return this.#giveUp(new HerdError("cluster", `Worker  ${name} ${often} ${story}`));
      }
      const wait = FIRST_WAIT_MS * 2 ** (ends - 1);
      this.#options.onRestart(`Worker  ${name} is started again in ${wait / 1000} s: its process ${story}`);
      await this.#pause(wait);
    }
  }

  /** @returns how it ended: "was killed (SIGKILL)" */
  async #runOnce(name: string, log: string): Promise<string> {
    using file = await Deno.open(log, { append: true, create: true });
    const child = spawn(this.#options);
    this.#children.set(name, child);
    try {
      const { address, token, cachePath, version } = this.#options;
      await tell(child, JSON.stringify({ name, url: `ws://${address}`, token, cachePath, version }));
      const copy = async (stream: ReadableStream<Uint8Array>) => {
        for await (const bytes of stream) file.writeSync(bytes);
      };
      await Promise.all([copy(child.stdout), copy(child.stderr)]);
      const { code, signal } = await child.status;
      return `(${child.pid}) ${signal ? `was killed (${signal})` : `ended with exit code ${code}`}`;
    } finally {
      this.#children.delete(name);
      send(child, "SIGKILL"); // if its log could not be written
      await child.stdin.close().catch(() => {});
    }
  }

  #giveUp(error: HerdError): void {
    this.#left--;
    if (!this.#stopping) this.#options.onGivenUp(error, this.#left);
  }

  async #pause(milliseconds: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, milliseconds);
    await Promise.race([promise, this.#stop.promise]);
    clearTimeout(timer);
  }

  #kill(signal: Deno.Signal): void {
    for (const child of this.#children.values()) send(child, signal);
  }
}

function send(child: Deno.ChildProcess, signal: Deno.Signal): void {
  try {
    child.kill(signal);
  } catch {
    // It has ended.
  }
}

/** Workers' ids and the names of their logs. */
function nameOf(index: number): string {
  return `w${index + 1}`;
}

function spawn({ entry, address, cachePath, count }: LaunchOptions): Deno.ChildProcess {
  const flags = [
    `--allow-net=${address}`,
    `--allow-read=${cachePath.replaceAll(",", ",,")}`,
    "--ignore-env",
    "--no-prompt",
    "-q",
  ];
  return new Deno.Command(Deno.execPath(), {
    args: ["run", ...flags, entry.href],
    // Software adapters share the cores; the other setting keeps Mesa's device selection quiet.
    env: {
      LP_NUM_THREADS: String(Math.max(1, Math.floor(navigator.hardwareConcurrency / count))),
      NODEVICE_SELECT: "1",
    },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

/** Writes the instructions and leaves stdin open: its end tells the worker that its parent is gone. */
async function tell(child: Deno.ChildProcess, line: string): Promise<void> {
  const writer = child.stdin.getWriter();
  try {
    await writer.write(new TextEncoder().encode(`${line}\n`));
  } catch {
    // It has ended already: its exit is reported with its log.
  } finally {
    writer.releaseLock();
  }
}

/** The last lines that were written after the first `from` bytes. */
async function tail(path: string, from: number): Promise<string> {
  const text = new TextDecoder().decode((await Deno.readFile(path)).subarray(from));
  return text.trimEnd().split("\n").slice(-LOG_LINES).map((line) => `        ${line}`).join("\n");
}
