// Does to the workers of a run what a plan says.
import { join } from "node:path";
import type { WorkerInfo } from "../../coordinator/events/mod.ts";
import type { Planned, SoakFault } from "./plan.ts";

const MAIN = new URL("../../main.ts", import.meta.url);
/** How long a process is stopped, and how long a worker from outside stays, in seconds. */
const STALL = { least: 3, most: 10 };
const STAY = { least: 10, most: 30 };

/** A fault that has happened, in seconds since the first step. */
export interface Done {
  readonly kind: SoakFault;
  readonly at: number;
}

/** Injects faults from the first step on, until it is disposed. */
export class Injector implements AsyncDisposable {
  readonly done: Done[] = [];
  readonly #plan: readonly Planned[];
  readonly #folder: string;
  readonly #tokenFile: string;
  readonly #runFolder: string;
  readonly #others: () => readonly number[];
  /** Process ids of the local workers that are ready, by worker id. */
  readonly #pids = new Map<string, number>();
  readonly #stopped = new Set<number>();
  readonly #timers = new Set<ReturnType<typeof setTimeout>>();
  readonly #guests = new Set<Deno.ChildProcess>();
  #started = 0;

  /**
   * @param folder for the guests' data
   * @param runFolder where the run writes its config, which has the address
   * @param others processes besides the local workers that can be killed and stopped
   */
  constructor(
    { plan, folder, runFolder, tokenFile, others }: {
      readonly plan: readonly Planned[];
      readonly folder: string;
      readonly runFolder: string;
      readonly tokenFile: string;
      others(): readonly number[];
    },
  ) {
    this.#plan = plan;
    this.#folder = folder;
    this.#runFolder = runFolder;
    this.#tokenFile = tokenFile;
    this.#others = others;
  }

  /** Keeps track of who is there. */
  hear(what: "joined" | "ready" | "lost", { id, pid, host }: WorkerInfo): void {
    if (host !== "") return;
    if (what === "ready") this.#pids.set(id, pid);
    if (what === "lost") this.#pids.delete(id);
  }

  /** The first step is done. */
  start(): void {
    this.#started = performance.now();
    for (const planned of this.#plan) this.#after(planned.at, () => this.#inject(planned));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const timer of this.#timers) clearTimeout(timer);
    for (const pid of this.#stopped) send(pid, "SIGCONT");
    const guests = [...this.#guests];
    for (const guest of guests) send(guest.pid, "SIGKILL");
    await Promise.all(guests.map(({ status }) => status));
  }

  #inject({ kind, victim, length }: Planned): void {
    // Only the local workers can be made to answer with NaN.
    const all = kind === "nan" ? [...this.#pids.values()] : [...this.#pids.values(), ...this.#others()];
    const running = all.filter((pid) => !this.#stopped.has(pid));
    const pid = running[Math.floor(victim * running.length)];
    if (kind === "join") this.#invite(within(STAY, length));
    else if (pid === undefined) return; // everybody is down
    else if (kind === "kill") send(pid, "SIGKILL");
    else if (kind === "nan") send(pid, "SIGUSR2");
    else this.#stop(pid, within(STALL, length));
    this.done.push({ kind, at: (performance.now() - this.#started) / 1000 });
  }

  #stop(pid: number, seconds: number): void {
    send(pid, "SIGSTOP");
    this.#stopped.add(pid);
    this.#after(seconds, () => {
      send(pid, "SIGCONT");
      this.#stopped.delete(pid);
    });
  }

  /** A worker from outside comes, and is killed after a while. */
  #invite(seconds: number): void {
    const { address } = JSON.parse(Deno.readTextFileSync(join(this.#runFolder, "config.json")));
    const guest = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "-q", MAIN.href, "worker", "--connect", `ws://${address}`, "--token-file", this.#tokenFile],
      env: { HERD_CACHE_DIR: join(this.#folder, "guest"), NODEVICE_SELECT: "1" },
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    this.#guests.add(guest);
    this.#after(seconds, () => this.#guests.has(guest) && send(guest.pid, "SIGKILL"));
    guest.status.then(() => this.#guests.delete(guest));
  }

  #after(seconds: number, action: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      action();
    }, 1000 * seconds);
    this.#timers.add(timer);
  }
}

function within({ least, most }: { readonly least: number; readonly most: number }, part: number): number {
  return least + part * (most - least);
}

function send(pid: number, signal: Deno.Signal): void {
  try {
    Deno.kill(pid, signal);
  } catch {
    // It has ended.
  }
}
