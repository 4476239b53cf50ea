// Reading a stretch of a file, however many calls it takes.

/** Fills `target` from `offset` on; returns how many bytes there were, fewer only at the end of the file. */
export function readAtSync(file: Deno.FsFile, offset: number, target: Uint8Array): number {
  file.seekSync(offset, Deno.SeekMode.Start);
  let done = 0;
  while (done < target.length) {
    const read = file.readSync(target.subarray(done));
    if (read === null) break;
    done += read;
  }
  return done;
}

/** What is read of an open file; a test can stand in for it. */
export type Readable = Pick<Deno.FsFile, "read" | "seek" | "stat" | "close">;

/** The same, while other work goes on. One call at a time. */
export async function readAt(
  file: Pick<Readable, "read" | "seek">,
  offset: number,
  target: Uint8Array,
): Promise<number> {
  await file.seek(offset, Deno.SeekMode.Start);
  let done = 0;
  while (done < target.length) {
    const read = await file.read(target.subarray(done));
    if (read === null) break;
    done += read;
  }
  return done;
}
