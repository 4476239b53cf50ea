// Relays as users start them, on this machine: `deno task worker --relay`, each with one worker behind it. One that ends is
// started again, as a service manager would do.
import { join } from "node:path";

const MAIN = new URL("../../main.ts", import.meta.url);
const AGAIN_MS = 1_000;
const READY = /Worker {2}(w\d+) \(pid (\d+)\) ready/;

/** What relays need. */
export interface RelaysOptions {
  readonly count: number;
  /** For their data. */
  readonly folder: string;
  readonly tokenFile: string;
}

/** Keeps relays running from the time when there is a coordinator, until it is disposed. */
export class Relays implements AsyncDisposable {
  readonly #options: RelaysOptions;
  readonly #children = new Map<number, Deno.ChildProcess>();
  /** The process of the worker behind each of them. */
  readonly #workers = new Map<number, number>();
  readonly #ended: Promise<void>[] = [];
  #isOver = false;

  constructor(options: RelaysOptions) {
    this.#options = options;
  }

  /** The processes: relays, and the workers behind them. */
  get pids(): number[] {
    return [...[...this.#children.values()].map(({ pid }) => pid), ...this.#workers.values()];
  }

  /** @param address of the coordinator */
  start(address: string): void {
    for (let number = 0; number < this.#options.count; number++) this.#ended.push(this.#keep(number, address));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true;
    for (const child of this.#children.values()) child.kill("SIGTERM");
    await Promise.all(this.#ended);
  }

  async #keep(number: number, address: string): Promise<void> {
    while (!this.#isOver) {
      const { tokenFile, folder } = this.#options;
      const connect = ["--connect", `ws://${address}`, "--token-file", tokenFile];
      const child = new Deno.Command(Deno.execPath(), {
        args: ["run", "-A", "-q", MAIN.href, "worker", ...connect, "--relay", "--workers", "1"],
        env: { HERD_CACHE_DIR: join(folder, `relay-${number}`), NODEVICE_SELECT: "1" },
        stdin: "null",
        stdout: "piped",
        stderr: "null",
      }).spawn();
      this.#children.set(number, child);
      let printed = "";
      for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
        printed = (printed + text).slice(-10_000);
        const pid = READY.exec(printed.slice(printed.lastIndexOf("Worker  ")))?.[2];
        if (pid !== undefined) this.#workers.set(number, Number(pid));
      }
      await child.status;
      this.#children.delete(number);
      this.#workers.delete(number);
      if (!this.#isOver) await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
    }
  }
}
