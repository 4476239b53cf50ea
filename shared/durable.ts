// Files that outlast a loss of power: the system is asked to put them on the disk, and their names too.
import { dirname } from "node:path";

/** Writes a file; resolves when its content is on the disk. */
export async function writeDurably(path: string, bytes: Uint8Array): Promise<void> {
  using file = await Deno.open(path, { write: true, create: true, truncate: true });
  for (let done = 0; done < bytes.length;) done += await file.write(bytes.subarray(done));
  await file.sync();
}

/** Gives a file another name in the same folder, replacing what has it; resolves when the name is on the disk. */
export async function replaceDurably(from: string, to: string): Promise<void> {
  await Deno.rename(from, to);
  try {
    using folder = await Deno.open(dirname(to));
    await folder.sync();
  } catch {
    // Not every system can do that with a folder; the file is whole in any case.
  }
}
