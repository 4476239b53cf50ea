// What a command and all of them say about themselves: it fits a terminal of 80 columns.
import { type Flags, TOPICS } from "./flags.ts";

const COLUMNS = 80;
/** Where what a flag is for begins. */
const INDENT = 24;
/** Commands that most people need, at the head of the list. */
const FIRST = 3;

/** What a command says about itself. */
export interface Described {
  /** What it does, in a few words. */
  readonly summary: string;
  /** What it may be told. */
  readonly flags: Flags;
  /** What stands behind the command's name in its help. */
  readonly usage: string;
  /** What one may type after `deno task`, and what comes of it. */
  readonly examples: readonly (readonly [line: string, what: string])[];
}

/** The help of a command. */
export function helpText(name: string, { summary, usage, flags, examples }: Described): string {
  return [
    summary,
    `Usage: deno task ${name} ${usage}`.trimEnd(),
    describeFlags(flags),
    `Examples\n${examples.map(([line, what]) => `  deno task ${line}\n${paragraph(what, 6)}`).join("\n")}`,
    [
      "Environment: HERD_DATA_DIR, HERD_DATA_URL, HERD_CACHE_DIR, NO_COLOR",
      "Exit codes: 0 done, 1 bug, 2 usage, 3 data, 4 cluster, 5 divergence, 130 Ctrl-C",
      "All commands: deno task help",
    ].join("\n"),
  ].join("\n\n");
}

/** All commands, the first few of which are those that most people need. */
export function overview(commands: Readonly<Record<string, Described>>, version: string): string {
  const names = Object.keys(commands);
  const width = Math.max(...names.map(({ length }) => length));
  const line = (name: string) => `  deno task ${name.padEnd(width)}  ${commands[name]!.summary}`;
  return [
    `Herd ${version}: distributed training, with and without gradient centralization`,
    `What most people need\n${names.slice(0, FIRST).map(line).join("\n")}`,
    `The rest\n${names.slice(FIRST).map(line).join("\n")}`,
    "Each takes --help.",
  ].join("\n\n");
}

/** The flags by topic, as paragraphs of a help text. */
export function describeFlags(flags: Flags): string {
  const titles: readonly [string | undefined, string][] = [...Object.entries(TOPICS), [undefined, "Others"]];
  return titles.flatMap(([topic, title]) => {
    const own = Object.entries(flags).filter((entry) => entry[1].topic === topic);
    return own.length === 0 ? [] : [[title, ...own.map(([name, flag]) => describeFlag(name, flag))].join("\n")];
  }).join("\n\n");
}

function describeFlag(name: string, { value, help, shown }: Flags[string]): string {
  const left = `  --${name}${value === null ? "" : ` ${value}`}`;
  const right = paragraph(`${help}${shown === undefined ? "" : ` [${shown}]`}`, INDENT);
  return left.length > INDENT - 2 ? `${left}\n${right}` : `${left.padEnd(INDENT)}${right.slice(INDENT)}`;
}

function paragraph(text: string, indent: number): string {
  return fold(text, COLUMNS - indent).map((line) => " ".repeat(indent) + line).join("\n");
}

/** Lines of at most so many characters, broken at spaces; a longer word has its own. */
function fold(text: string, width: number): string[] {
  const lines = [""];
  for (const word of text.split(" ")) {
    const last = lines.at(-1)!;
    if (last === "") lines[lines.length - 1] = word;
    else if (last.length + 1 + word.length <= width) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}
