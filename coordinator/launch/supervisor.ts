// Keeps workers' processes running, wherever a launcher starts them: each is told on stdin where to connect, and started
// again when it ends. Here a process may be ssh or srun; it ends when its worker does, and its worker when it ends.
import { join } from "node:path";
import { HerdError, messageOf } from "../../shared/errors.ts";
import { workerOrderLine } from "../../shared/worker_order.ts";
import type { PlannedWorker, WorkerCommand } from "./launcher.ts";
import { WorkerLog } from "./worker_log.ts";
import { within } from "../../shared/within.ts";

/** What is kept running, and who hears of it. */
export interface SupervisorOptions {
  /** Those to be started. */
  readonly workers: readonly PlannedWorker[];
  /** Wait before the first restart, in milliseconds; doubled each time. */
  readonly firstWaitMs: number;
  /** Receives what a worker prints, in NAME.log. */
  readonly logDir: string;
  /** A worker's process has ended although nobody asked it to, and is started again after a while. */
  onRestart(text: string): void;
  /** A worker's process has ended too often, or cannot be started; `left` others are still looked after. */
  onGivenUp(error: HerdError, left: number): void;
  /** What people should know besides. */
  onNotice(text: string): void;
}

/** What ended workers get to say goodbye before they are killed. */
const GRACE_MS = 1_000;
/** A worker is started again so often in a row; a process that has lived for a while is forgiven what came before it. */
const MOST_RESTARTS = 5;
const FORGIVEN_AFTER_MS = 60_000;

/** The running processes; those that end are started again. Disposing ends them: stdin closes, then SIGTERM, then SIGKILL. */
export class WorkerProcesses implements AsyncDisposable {
  readonly #options: SupervisorOptions;
  readonly #children = new Map<string, { readonly child: Deno.ChildProcess; readonly killSignal: Deno.Signal }>();
  readonly #supervised: Promise<void>[];
  /** Workers whose present or last process has computed something. */
  readonly #forgiven = new Set<string>();
  readonly #stop = Promise.withResolvers<void>();
  #left: number;
  #stopping = false;
  #logsFail = false;

  private constructor(options: SupervisorOptions) {
    this.#options = options;
    this.#left = options.workers.length;
    this.#supervised = options.workers.map((worker) => this.#supervise(worker));
  }

  /** Starts the processes. */
  static start(options: SupervisorOptions): WorkerProcesses {
    return new WorkerProcesses(options);
  }

  /** How many workers are looked after, at the beginning. */
  get count(): number {
    return this.#options.workers.length;
  }

  /** Ends all processes: they are asked to, then told to, then killed. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping = true;
    this.#stop.resolve();
    const timer = setTimeout(() => this.#kill("SIGKILL"), GRACE_MS);
    await Promise.all([...this.#children.values()].map(({ child }) => child.stdin.close().catch(() => {})));
    this.#kill("SIGTERM");
    await Promise.all(this.#supervised);
    clearTimeout(timer);
  }

  /** Ends a worker's process that hangs, so that it is started again. */
  kill(name: string): void {
    const running = this.#children.get(name);
    if (running !== undefined) send(running.child, running.killSignal);
  }

  /** A worker has computed something: it is started again however often its processes have ended before. */
  forgive(name: string): void {
    this.#forgiven.add(name);
  }

  /** Runs one worker's process, again and again while that makes sense. */
  async #supervise(worker: PlannedWorker): Promise<void> {
    const { name } = worker;
    const log = join(this.#options.logDir, `${name}.log`);
    let ends = 0;
    while (!this.#stopping) {
      const started = performance.now();
      let story: string;
      try {
        story = await this.#runOnce(worker, log);
      } catch (cause) {
        if (cause instanceof HerdError) return this.#giveUp(cause);
        return this.#giveUp(new HerdError("data", `Cannot write ${log}: ${messageOf(cause)}`, { cause }));
      }
      if (this.#stopping) return;
      const isForgiven = this.#forgiven.delete(name) || performance.now() - started > FORGIVEN_AFTER_MS;
      ends = isForgiven ? 1 : ends + 1;
      if (ends > MOST_RESTARTS) {
        const often = `is not started again: its process has ended ${ends} times in a row, and now`;
        return this.#giveUp(new HerdError("cluster", `Worker  ${name} ${often} ${story}`));
      }
      const wait = this.#options.firstWaitMs * 2 ** (ends - 1);
      this.#options.onRestart(`Worker  ${name} is started again in ${wait / 1000} s: its process ${story}`);
      await this.#pause(wait);
    }
  }

  /** @returns how it ended, "was killed (SIGKILL)", and what it printed last */
  async #runOnce({ name, command }: PlannedWorker, log: string): Promise<string> {
    using file = await WorkerLog.open(log);
    const started = command();
    const child = spawn(started);
    this.#children.set(name, { child, killSignal: started.killSignal });
    try {
      await tell(child, workerOrderLine(started.order));
      const copy = async (stream: ReadableStream<Uint8Array>) => {
        for await (const bytes of stream) this.#write(file, bytes, log);
      };
      const copied = Promise.all([copy(child.stdout), copy(child.stderr)]);
      const { code, signal } = await child.status;
      // Something that it has left behind may keep them open.
      await within(GRACE_MS, copied, () => new Error("late")).catch(() => {});
      const how = signal ? `was killed (${signal})` : `ended with exit code ${code}`;
      return `(${child.pid}) ${how}; the end of ${log}:\n${file.tail}`;
    } finally {
      this.#children.delete(name);
      send(child, "SIGKILL"); // if its log could not be written
      await child.stdin.close().catch(() => {});
    }
  }

  /** A full disk must not end a worker: what it prints is lost, which is told once. */
  #write(file: WorkerLog, bytes: Uint8Array, log: string): void {
    try {
      file.write(bytes);
    } catch (error) {
      if (!this.#logsFail) this.#options.onNotice(`Cannot write ${log} (${messageOf(error)}): the worker goes on`);
      this.#logsFail = true;
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
    for (const { child } of this.#children.values()) send(child, signal);
  }
}

function send(child: Deno.ChildProcess, signal: Deno.Signal): void {
  try {
    child.kill(signal);
  } catch {
    // It has ended.
  }
}

/** @throws {HerdError} cluster, if there is no such program */
function spawn({ program, args, env, detached }: WorkerCommand): Deno.ChildProcess {
  const piped = { stdin: "piped", stdout: "piped", stderr: "piped" } as const;
  try {
    return new Deno.Command(program, { args: [...args], env, detached, ...piped }).spawn();
  } catch (cause) {
    throw new HerdError("cluster", `Cannot start workers by ${program}: ${messageOf(cause)}`, { cause });
  }
}

/** Writes the order and leaves stdin open: its end tells the worker that its parent is gone. */
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
