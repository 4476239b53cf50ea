// What a command prints to: the one place where text enters the terminal. Colours are given here and nowhere else, so that
// everything that comes in, from wherever it is, can be made visible: no name of a file, no worker's log and nothing read from a
// disk steers the terminal. A text may have several lines; the further ones are indented, so that none can feign one of Herd's.
import { visible } from "../visible.ts";
import { type LiveSink, ProgressLine } from "./progress_line.ts";

/** How a line looks where there are colours. */
export type Style = "plain" | "strong" | "warning";

/** Where lines go. */
export interface Sinks {
  /** Writes a line to stdout. */
  out(line: string): void;
  /** Writes a line to stderr. */
  error(line: string): void;
  /** Writes some of the bytes to stdout without holding up the process. */
  outLater(bytes: Uint8Array): Promise<number>;
  /** The last lines of stderr; undefined where nobody looks at them. */
  readonly live: LiveSink | undefined;
  /** Whether stdout shows colours. */
  readonly colour: boolean;
}

/** What a command may print to. */
export interface Console {
  /** Writes a line to stdout. */
  print(line: string, style?: Style): void;
  /** Writes a line to stderr. */
  complain(line: string): void;
  /** Writes a line to stdout without holding up the process while its reader is slow. */
  printLater(line: string): Promise<void>;
  /** The live line. */
  readonly progress: ProgressLine;
}

const CODES: Readonly<Record<Style, string>> = { plain: "", strong: "1", warning: "33" };
const INDENT = "        ";

/** Prints to these sinks. */
export function consoleOf({ out, error, outLater, live, colour }: Sinks): Console {
  const complain = (line: string) => error(shown(line));
  return {
    print: (line, style = "plain") => out(colour && style !== "plain" ? paint(shown(line), CODES[style]) : shown(line)),
    complain,
    async printLater(line) {
      const bytes = new TextEncoder().encode(`${shown(line)}\n`);
      for (let done = 0; done < bytes.length;) done += await outLater(bytes.subarray(done));
    },
    progress: new ProgressLine(live, complain),
  };
}

function shown(text: string): string {
  const [first = "", ...further] = text.split("\n").map(visible);
  return [first, ...further.map((line) => line === "" || /^\s/.test(line) ? line : `${INDENT}${line}`)].join("\n");
}

function paint(text: string, code: string): string {
  return `\x1b[${code}m${text}\x1b[0m`;
}
