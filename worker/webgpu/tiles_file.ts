// The file of tuned tiles in Herd's cache folder: JSON, an entry for each network and adapter. It only ever makes a run faster: one
// that is not there, cannot be read or is damaged is as good as none.
import { dirname } from "node:path";
import * as v from "valibot";
import { writeAtomically } from "../../shared/atomic_file.ts";
import { messageOf } from "../../shared/errors.ts";
import { PRIVATE_FOLDER } from "../../shared/private.ts";
import type { Tuned } from "./tuned.ts";

const schema = v.object({ formatVersion: v.literal(1), tiles: v.record(v.string(), v.unknown()) });

/** What a file has under a key; `problem` says why a file that is there tells nothing. */
export interface ReadTiles {
  readonly found?: unknown;
  readonly problem?: string;
}

/** Reads a file's entry. Never throws. @param key as tilesKey() makes it */
export async function readTiles(path: string, key: string): Promise<ReadTiles> {
  try {
    const entries = parseTiles(await Deno.readTextFile(path));
    if (entries === undefined) return { problem: `${path} is damaged, or of another version of Herd` };
    return Object.hasOwn(entries, key) ? { found: entries[key] } : {};
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return {};
    return { problem: `${path} cannot be read (${messageOf(error)})` };
  }
}

/** The entries of a file's text, by key; undefined if it is none. */
export function parseTiles(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    return v.parse(schema, JSON.parse(text)).tiles;
  } catch {
    return undefined;
  }
}

/** Writes an entry, and keeps the others of the file. A damaged file is replaced. */
export async function writeTiles(path: string, key: string, tuned: Tuned): Promise<void> {
  await Deno.mkdir(dirname(path), { recursive: true, mode: PRIVATE_FOLDER });
  const before = parseTiles(await Deno.readTextFile(path).catch(() => "")) ?? {};
  const content = { formatVersion: 1, tiles: { ...before, [key]: tuned } };
  await writeAtomically(path, `${JSON.stringify(content, null, 2)}\n`);
}
