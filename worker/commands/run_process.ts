// A worker's process as a command of the command line: it is told its order, what it prints comes here, and both processes end
// together. Ctrl-C reaches the child too, which leaves its end to its parent.
import { linesOf } from "../../shared/cli/lines.ts";
import { HerdError } from "../../shared/errors.ts";
import { within } from "../../shared/within.ts";
import { type WorkerOrder, workerOrderLine } from "../../shared/worker_order.ts";

/** A process that is to be started. */
export interface StartedProcess {
  /** Its module. */
  readonly entry: URL;
  /** Flags of Deno. */
  readonly permissions: readonly string[];
  /** What is set in its environment besides what is there. */
  readonly env: Readonly<Record<string, string>>;
  /** What it is told on stdin. */
  readonly order: WorkerOrder;
  /** Its arguments. */
  readonly args: readonly string[];
}

/** What a process that is told to end gets to do so, and what an ended one has printed to come here. */
const GRACE_MS = 1_000;

/**
 * Runs a process to its end.
 * @returns its exit code
 * @throws what the signal says, when it is aborted and the process has ended
 */
export async function runProcess(
  { entry, args, permissions, env, order }: StartedProcess,
  { print, complain, signal }: {
    /** Takes a line of its stdout. */
    print(line: string): void;
    /** Takes a line of its stderr. */
    complain(line: string): void;
    readonly signal: AbortSignal;
  },
): Promise<number> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", ...permissions, "-q", entry.href, ...args],
    env,
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const end = () => {
    send(child, "SIGTERM");
    timer = setTimeout(() => send(child, "SIGKILL"), GRACE_MS);
  };
  signal.addEventListener("abort", end, { once: true });
  const printed = Promise.all([forward(child.stdout, print), forward(child.stderr, complain)]);
  const writer = child.stdin.getWriter();
  try {
    // A process that has ended already cannot hear it: its exit code tells.
    await writer.write(new TextEncoder().encode(`${workerOrderLine(order)}\n`)).catch(() => {});
    const { code } = await child.status;
    await within(GRACE_MS, printed, () => new HerdError("cluster", "The worker's output does not end")).catch(() => {});
    signal.throwIfAborted();
    return code;
  } finally {
    signal.removeEventListener("abort", end);
    clearTimeout(timer);
    await writer.close().catch(() => {});
  }
}

async function forward(stream: ReadableStream<Uint8Array>, to: (line: string) => void): Promise<void> {
  for await (const line of linesOf(stream)) to(line);
}

function send(child: Deno.ChildProcess, signal: Deno.Signal): void {
  try {
    child.kill(signal);
  } catch {
    // It has ended.
  }
}
