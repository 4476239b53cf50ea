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
