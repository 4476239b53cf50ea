// A folder or a zip file, seen the same way: directories that list entries, files that give bytes.
import { basename, join } from "node:path";
import { HerdError, messageOf } from "../shared/errors.ts";
import { readRegular } from "./regular_file.ts";

export interface TreeEntry {
  readonly name: string;
  readonly kind: "file" | "directory";
  /** A text that changes when the file does; empty for directories. */
  readonly stamp: string;
}

export interface FileTree extends Disposable {
  /** The path of the folder or zip file. */
  readonly root: string;
  /** The visible entries of a directory ("" is the top). Throws HerdError "data". */
  list(directory: string): TreeEntry[];
  /** The bytes of a file. Throws HerdError "data". */
  read(path: string): Promise<Uint8Array>;
  /** A path as people know it. */
  shown(path: string): string;
}

const LEFT_BEHIND = ["__MACOSX", "Thumbs.db", "desktop.ini"];

/** What archivers and desktops leave behind is not part of a data set. */
export function isVisible(name: string): boolean {
  return !name.startsWith(".") && !LEFT_BEHIND.includes(name);
}

/** A path below the top: "" and "a" give "a", "a" and "b" give "a/b". */
export function below(directory: string, name: string): string {
  return directory === "" ? name : `${directory}/${name}`;
}

/** The last part of a folder's or a zip file's path, without ".zip". */
export function titleOf(root: string): string {
  return basename(root).replace(/\.zip$/i, "");
}

/** A folder on disk; symbolic links are followed. */
export class FolderTree implements FileTree {
  readonly root: string;

  constructor(root: string) {
    this.root = root;
  }

  list(directory: string): TreeEntry[] {
    const path = join(this.root, directory);
    try {
      return [...Deno.readDirSync(path)].filter(({ name }) => isVisible(name)).map(({ name }) => entryOf(path, name));
    } catch (error) {
      throw new HerdError("data", `Cannot list '${path}': ${messageOf(error)}`, { cause: error });
    }
  }

  async read(path: string): Promise<Uint8Array> {
    const shown = this.shown(path);
    try {
      return await readRegular(shown);
    } catch (error) {
      throw new HerdError("data", `Cannot read '${shown}': ${messageOf(error)}`, { cause: error });
    }
  }

  shown(path: string): string {
    return join(this.root, path);
  }

  [Symbol.dispose](): void {}
}

/** What cannot be looked at, such as a link that leads nowhere, is a file that cannot be read. */
function entryOf(folder: string, name: string): TreeEntry {
  try {
    const { isDirectory, size, mtime, ctime } = Deno.statSync(join(folder, name));
    if (isDirectory) return { name, kind: "directory", stamp: "" };
    return { name, kind: "file", stamp: [size, mtime?.getTime(), ctime?.getTime()].join(" ") };
  } catch (error) {
    return { name, kind: "file", stamp: messageOf(error) };
  }
}
