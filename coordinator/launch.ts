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
  /** A worker's process has ended although nobody asked it to. */
  onExit(error: HerdError): void;
}

/** What ended workers get to say goodbye before they are killed. */
const GRACE_MS = 1_000;
const LOG_LINES = 5;

/** The running processes. Disposing ends them: stdin closes, then SIGTERM, then SIGKILL. */
export class LocalWorkers implements AsyncDisposable {
  readonly #children: Deno.ChildProcess[];
  readonly #logs: Promise<void>[];
  #stopping = false;

  private constructor(options: LaunchOptions) {
    this.#children = Array.from({ length: options.count }, () => spawn(options));
    this.#logs = this.#children.map(async (child, i) => {
      const log = join(options.logDir, `${nameOf(i)}.log`);
      try {
        await writeLog(child, log);
      } catch (cause) {
        if (!this.#stopping) {
          options.onExit(new HerdError("data", `Cannot write ${log}: ${messageOf(cause)}`, { cause }));
        }
        return;
      }
      const { code, signal } = await child.status;
      if (this.#stopping) return;
      const end = signal ? `was killed (${signal})` : `ended with exit code ${code}`;
      options.onExit(
        new HerdError("cluster", `The worker process ${child.pid} ${end}; the end of ${log}:\n${await tail(log)}`),
      );
    });
  }

  /** Starts the processes. */
  static async start(options: LaunchOptions): Promise<LocalWorkers> {
    const workers = new LocalWorkers(options);
    const { address, token, cachePath, version } = options;
    const told = { url: `ws://${address}`, token, cachePath, version };
    await Promise.all(workers.#children.map((child, i) => tell(child, JSON.stringify({ name: nameOf(i), ...told }))));
    return workers;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping = true;
    const timer = setTimeout(() => this.#kill("SIGKILL"), GRACE_MS);
    await Promise.all(this.#children.map((child) => child.stdin.close().catch(() => {})));
    this.#kill("SIGTERM");
    await Promise.all(this.#logs);
    clearTimeout(timer);
  }

  #kill(signal: Deno.Signal): void {
    for (const child of this.#children) {
      try {
        child.kill(signal);
      } catch {
        // It has ended.
      }
    }
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

async function writeLog(child: Deno.ChildProcess, path: string): Promise<void> {
  using file = await Deno.open(path, { write: true, create: true, truncate: true });
  const copy = async (stream: ReadableStream<Uint8Array>) => {
    for await (const bytes of stream) file.writeSync(bytes);
  };
  await Promise.all([copy(child.stdout), copy(child.stderr)]);
}

async function tail(path: string): Promise<string> {
  const lines = (await Deno.readTextFile(path)).trimEnd().split("\n");
  return lines.slice(-LOG_LINES).join("\n");
}
