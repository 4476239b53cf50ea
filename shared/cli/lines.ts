// What another process prints, or somebody pipes in, line by line.

/** A longer line comes in pieces: nobody may fill the memory with one that does not end. */
const MOST_CHARACTERS = 16 * 1024;

/** The lines of a stream of UTF-8, without their ends (LF or CR LF); the last one may have none. */
export async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  let rest = "";
  // The types of Deno and of the web differ here.
  const decoder = new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>;
  for await (const text of stream.pipeThrough(decoder)) {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    for (const line of lines) yield withoutCr(line);
    for (; rest.length > MOST_CHARACTERS; rest = rest.slice(MOST_CHARACTERS)) yield rest.slice(0, MOST_CHARACTERS);
  }
  if (rest !== "") yield withoutCr(rest);
}

function withoutCr(line: string): string {
  return line.endsWith("\r") ? line.slice(0, -1) : line;
}
