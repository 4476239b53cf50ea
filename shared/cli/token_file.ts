// The token that workers show: one word in a file, so that no command line has it.
import { HerdError, messageOf } from "../errors.ts";

/**
 * Reads the token in a file.
 * @throws {HerdError} usage, if the file cannot be read or holds something else than one word of 16 characters or more
 */
export async function readToken(path: string): Promise<string> {
  let text: string;
  try {
    text = await Deno.readTextFile(path);
  } catch (cause) {
    throw new HerdError("usage", `Cannot read --token-file ${path} (${messageOf(cause)})`, { cause });
  }
  const token = text.trim();
  if (/^[\x21-\x7e]{16,}$/.test(token)) return token;
  throw new HerdError("usage", `--token-file ${path} must hold one word of at least 16 characters`);
}
