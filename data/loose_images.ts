// Image files that belong to no data set, found where people say that they are.
import { join } from "node:path";
import { compareUtf8 } from "./dataset_info.ts";
import { isVisible } from "./file_tree.ts";

/**
 * The files that a path stands for: itself, or all that are in a folder and those within it, ordered by their names' UTF-8
 * bytes. Hidden ones and links to folders are left out. What is not there, or cannot be listed, counts as a file: whoever
 * reads it hears why that cannot be.
 */
export async function* imageFilesIn(path: string): AsyncGenerator<string> {
  const entries = await isFolder(path) ? await entriesOf(path) : undefined;
  if (entries === undefined) return yield path;
  for (const { name, isDirectory, isSymlink } of entries) {
    const inner = join(path, name);
    if (isDirectory) yield* imageFilesIn(inner);
    else if (!isSymlink || !await isFolder(inner)) yield inner;
  }
}

async function entriesOf(folder: string): Promise<Deno.DirEntry[] | undefined> {
  try {
    const entries = (await Array.fromAsync(Deno.readDir(folder))).filter(({ name }) => isVisible(name));
    return entries.sort((a, b) => compareUtf8(a.name, b.name));
  } catch {
    return undefined;
  }
}

async function isFolder(path: string): Promise<boolean> {
  return (await Deno.stat(path).catch(() => undefined))?.isDirectory ?? false;
}
