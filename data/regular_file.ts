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
  // Before it is opened: opening a pipe waits for somebody to write to it.
  const { isFile } = await within(stallMs, Deno.stat(path), () => stalled(stallMs));
  if (!isFile) throw new Error("it is not a regular file");
  const file = await within(stallMs, open(path), () => stalled(stallMs));
  return {
    read: (target) => within(stallMs, file.read(target), () => stalled(stallMs)),
    seek: (offset, whence) => file.seek(offset, whence),
    stat: () => within(stallMs, file.stat(), () => stalled(stallMs)),
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

function stalled(milliseconds: number): Error {
  return new Error(`no byte of it came for ${milliseconds / 1000} s`);
}
