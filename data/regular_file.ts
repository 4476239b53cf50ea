// Reading files that somebody else has put there: only regular ones (a pipe or a device may never end), none larger than an
// image may be, and none that stands still.
import { within } from "../shared/within.ts";
import { refuseLargeFile, STALL_MS } from "./image_limits.ts";
import { type Readable, readAt } from "./read_at.ts";

/** Only tests give others. */
export interface ReadInternals {
  open?(path: string): Promise<Readable>;
  readonly stallMs?: number;
}

/** Opens a regular file. @throws {Error} if it is something else, or does not open in time */
export async function openRegular(
  path: string,
  { open = (path) => Deno.open(path, { read: true }), stallMs = STALL_MS }: ReadInternals = {},
): Promise<Readable & Disposable> {
  const soon = <T>(promise: Promise<T>) =>
    within(stallMs, promise, () => new Error(`no byte of it came for ${stallMs / 1000} s`));
  // Before it is opened: opening a pipe waits for somebody to write to it.
  const { isFile } = await soon(Deno.stat(path));
  if (!isFile) throw new Error("it is not a regular file");
  const file = await soon(open(path));
  return {
    read: (target) => soon(file.read(target)),
    seek: (offset, whence) => soon(file.seek(offset, whence)),
    stat: () => soon(file.stat()),
    close: () => file.close(),
    [Symbol.dispose]: () => file.close(),
  };
}

/** All bytes of a regular file. @throws {Error} if it is something else, or does not go on; LimitError, if it is too large */
export async function readRegular(path: string, internals?: ReadInternals): Promise<Uint8Array> {
  using file = await openRegular(path, internals);
  const { size } = await file.stat();
  refuseLargeFile(size);
  const bytes = new Uint8Array(size);
  return bytes.subarray(0, await readAt(file, 0, bytes));
}
