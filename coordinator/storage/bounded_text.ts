// Text files of a run's folder that somebody else may have made: none is read that is larger than one of Herd's can be.

/** Many times what the longest run's files have, in bytes. */
const MOST_BYTES = 256 * 1024 * 1024;

/**
 * The text of a file.
 * @param what the file is, for the message: "a report"
 * @throws {Error} if it cannot be read, or is larger than any of Herd's
 */
export async function readBoundedText(path: string, what: string): Promise<string> {
  const { size } = await Deno.stat(path);
  if (size > MOST_BYTES) throw new Error(`it has ${size} bytes, and ${what} at most ${MOST_BYTES}`);
  return await Deno.readTextFile(path);
}
