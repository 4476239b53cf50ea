// A folder as the doctor sees it, without touching it.
import { access, constants, statfs } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import type { FolderFacts } from "./facts.ts";

/** Whether a folder, or one that is to be made there, can be written, and what its disk has left. @param home shown as ~ */
export async function lookAtFolder(path: string, home: string | undefined): Promise<FolderFacts> {
  const exists = await isThere(path);
  let near = resolve(path);
  while (!await isThere(near) && dirname(near) !== near) near = dirname(near);
  const disk = await statfs(near).catch(() => undefined);
  return {
    path: home && `${path}/`.startsWith(`${home}/`) ? `~${path.slice(home.length)}` : path,
    exists,
    unwritable: await whyUnwritable(near),
    freeBytes: disk === undefined ? null : disk.bavail * disk.bsize,
  };
}

/** The bytes of all files below a folder; what cannot be read counts nothing. */
export async function bytesBelow(folder: string): Promise<number> {
  let sum = 0;
  try {
    for await (const { name, isFile, isDirectory } of Deno.readDir(folder)) {
      const path = join(folder, name);
      if (isDirectory) sum += await bytesBelow(path);
      if (isFile) sum += (await Deno.lstat(path).catch(() => ({ size: 0 }))).size;
    }
  } catch {
    // Another process may have removed it.
  }
  return sum;
}

async function whyUnwritable(folder: string): Promise<string | null> {
  if ((await Deno.stat(folder).catch(() => undefined))?.isDirectory === false) return "is not a folder";
  const isWritable = await askSystem(folder) ?? await access(folder, constants.W_OK).then(() => true, () => false);
  return isWritable ? null : "cannot be written";
}

/** The bits of its mode do not tell of a disk that can only be read: the system does, through test(1). */
async function askSystem(folder: string): Promise<boolean | undefined> {
  if (Deno.build.os === "windows") return undefined;
  try {
    return (await new Deno.Command("test", { args: ["-w", folder, "-a", "-x", folder] }).output()).success;
  } catch {
    return undefined;
  }
}

/** Whether there is anything under a path. */
export async function isThere(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}
