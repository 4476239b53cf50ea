// The token that workers must know: hexadecimal digits in a file that nobody else can read, so that no command line has it.
import { HerdError, messageOf } from "../errors.ts";

/** 128 bits or more: the handshake lets anybody try guesses against a proof, for as long as he likes. */
const TOKEN = /^[0-9a-fA-F]{32,1024}$/;
/** What a file's mode lets its group and others do; Windows has no such thing. */
const OTHERS = 0o077;

/**
 * Reads the token in a file.
 * @throws {HerdError} usage, if the file cannot be read, or others can read it, or it holds less than 128 bits
 */
export async function readToken(path: string): Promise<string> {
  let text: string;
  let mode: number | null;
  try {
    mode = (await Deno.stat(path)).mode;
    text = await Deno.readTextFile(path);
  } catch (cause) {
    throw new HerdError("usage", `Cannot read --token-file ${path} (${messageOf(cause)})`, { cause });
  }
  if (((mode ?? 0) & OTHERS) !== 0) {
    const what = `can be read by other users (mode ${(mode! & 0o777).toString(8).padStart(4, "0")})`;
    throw new HerdError(
      "usage",
      `--token-file ${path} ${what}: chmod 600 ${path}, and make a new token if others may have`,
    );
  }
  const token = text.trim();
  if (TOKEN.test(token)) return token;
  // Not a word of what is in it.
  const what = `must hold 32 hexadecimal digits or more and nothing else, and has ${token.length} characters`;
  throw new HerdError("usage", `--token-file ${path} ${what}: umask 077; openssl rand -hex 32 > ${path}`);
}
