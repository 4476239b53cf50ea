// --json: every event as one JSON object a line, for programs.
import type { Subscriber } from "../events/mod.ts";

/**
 * A subscriber that writes each event as a line, at the reader's pace.
 * @param write resolves when the line is written; the next is written then
 */
export function jsonLines(write: (line: string) => Promise<void>): Subscriber {
  return (event) => write(JSON.stringify(event));
}
