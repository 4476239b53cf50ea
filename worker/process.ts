// What the processes that become workers have in common: they are told by one line of JSON on stdin where the coordinator
// is, and stdin at its end means that their parent is gone, here or at the other end of ssh. Ctrl-C reaches the whole process
// group, but ending its processes is the parent's business.
import { exitCodeOf, HerdError, messageOf } from "../shared/errors.ts";
import { parseWorkerOrder, type WorkerOrder } from "../shared/worker_order.ts";

/** What a process does with its order. It is handed where to log, and Herd's cache folder, which is its last argument. */
export type Serve = (
  order: WorkerOrder,
  surroundings: {
    /** @throws {HerdError} usage, if it was not told */
    cacheDir(): string;
    /** Writes a line to stdout. */
    log(text: string): void;
  },
) => Promise<void>;

/** Waits for the order, does it, and ends the process. */
export async function serveOrder(serve: Serve): Promise<never> {
  Deno.addSignalListener("SIGINT", () => {});
  const line = await firstLine();
  try {
    await serve(parseWorkerOrder(line), { cacheDir, log: (text) => write(Deno.stdout, text) });
    return Deno.exit(0);
  } catch (error) {
    // The stack tells something only of a bug, and comes first: the coordinator shows the last lines.
    if (!(error instanceof HerdError) && error instanceof Error && error.stack) write(Deno.stderr, error.stack);
    write(Deno.stderr, `error: ${messageOf(error)}`);
    return Deno.exit(exitCodeOf(error));
  }
}

/** The first line on stdin. Whatever comes later, the end of stdin ends the process. */
async function firstLine(): Promise<string> {
  const stdin = Deno.stdin.readable.pipeThrough(new TextDecoderStream()).getReader();
  let line = "";
  while (!line.includes("\n")) {
    const { done, value } = await stdin.read();
    if (done) Deno.exit(0);
    line += value;
  }
  stdin.read().then(() => Deno.exit(0), () => Deno.exit(0));
  return line;
}

function cacheDir(): string {
  const folder = Deno.args.at(-1);
  if (folder !== undefined) return folder;
  throw new HerdError("usage", "A worker on another machine is started with the path of Herd's cache folder there");
}

function write(stream: { writeSync(bytes: Uint8Array): number }, text: string): void {
  stream.writeSync(new TextEncoder().encode(`${text}\n`));
}
