// How a file gets its name: it is written under another one beside it, put on the disk, and only then renamed. A reader never
// meets half a file, and a loss of power leaves the old one or the new one.
import { dirname } from "node:path";
import { PRIVATE_FILE } from "./private.ts";

/** Where a file is written until it is whole. */
export function partPath(path: string): string {
  return `${path}.part`;
}

/** Writes all of the bytes, however many calls it takes. */
export async function writeAll(file: Pick<Deno.FsFile, "write">, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    const written = await file.write(bytes.subarray(done));
    if (written === 0) throw new Error("the file takes no more bytes");
    done += written;
  }
}

/**
 * Gives a file that is whole and open under its {@linkcode partPath} its name, replacing what has it; resolves when content
 * and name are on the disk.
 */
export async function commit(file: Pick<Deno.FsFile, "sync">, path: string): Promise<void> {
  await file.sync();
  await Deno.rename(partPath(path), path);
  try {
    using folder = await Deno.open(dirname(path));
    await folder.sync();
  } catch {
    // Not every system can do that with a folder; the file is whole in any case.
  }
}

/** Writes a file that has its name when it is whole and safely on the disk; a write that fails leaves nothing of it. */
export async function writeAtomically(path: string, content: string | Uint8Array): Promise<void> {
  const part = partPath(path);
  try {
    await removeIfThere(part);
    using file = await Deno.open(part, { write: true, createNew: true, mode: PRIVATE_FILE });
    await writeAll(file, typeof content === "string" ? new TextEncoder().encode(content) : content);
    await commit(file, path);
  } catch (error) {
    await Deno.remove(part).catch(() => {}); // a full disk needs the room
    throw error;
  }
}

/** What another process has left may be open to others, or lead elsewhere: a new file is neither. */
async function removeIfThere(path: string): Promise<void> {
  try {
    await Deno.remove(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
