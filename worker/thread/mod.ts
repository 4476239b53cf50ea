// A device in a thread of its own: waiting for a GPU stops the event loop (mapAsync() does not return before it is done), and
// that of the thread which talks with the coordinator must not stop.
export { ThreadComputer, type ThreadOptions } from "./computer.ts";
export type { PreparedRun } from "./messages.ts";
