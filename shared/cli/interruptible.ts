// Ctrl-C and SIGTERM as an abort signal.
import { HerdError } from "../errors.ts";

/** What a command ends with on Ctrl-C. */
export function interrupted(): HerdError {
  return new HerdError("interrupted", "Interrupted");
}

/**
 * Does work with a signal that Ctrl-C and SIGTERM abort, with {@linkcode interrupted} as its reason; so does `abort`. A second
 * Ctrl-C ends the process at once.
 */
export async function interruptible<T>(work: (signal: AbortSignal, abort: () => void) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const abort = () => controller.abort(interrupted());
  // A second Ctrl-C is a person who will not wait. A second SIGTERM is often the same one, sent to a group and by a parent.
  const interrupt = () => controller.signal.aborted ? Deno.exit(130) : abort();
  const listeners: [Deno.Signal, () => void][] = [["SIGINT", interrupt]];
  if (Deno.build.os !== "windows") listeners.push(["SIGTERM", abort]);
  for (const [signal, listener] of listeners) Deno.addSignalListener(signal, listener);
  try {
    return await work(controller.signal, abort);
  } finally {
    for (const [signal, listener] of listeners) Deno.removeSignalListener(signal, listener);
  }
}
