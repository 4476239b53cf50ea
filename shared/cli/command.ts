// A command of the command line: its flags as data, what it does as a function, and the help that follows from them.
import { HerdError } from "../errors.ts";
import type { Console } from "./console.ts";
import { describeFlags, type Flags, nearest, parseFlags, toggle, type Values } from "./flags.ts";

/** What a command has around it: all that it may print to, and what the user's shell says. */
export interface Surroundings extends Console {
  /** The version of Herd. */
  readonly version: string;
  /** Environment variables. */
  readonly environment: Readonly<Record<string, string>>;
}

/** The flags that every command has. */
export const commonFlags = {
  verbose: toggle("more lines, and the stack trace of an error"),
  version: toggle("print the version"),
  help: toggle("print this"),
};

/** What a command line said. */
export interface Given<F extends Flags> {
  /** Under the flags' names in camel case. */
  readonly values: Values<F>;
  /** The names of the flags that are there. */
  readonly given: ReadonlySet<string>;
  /** The arguments that are no flags. */
  readonly rest: readonly string[];
}

/** A command, whatever its flags. */
export interface Command {
  /** What it does, in a few words. */
  readonly summary: string;
  /** What it may be told. */
  readonly flags: Flags;
  /** What stands behind the command's name in its help. */
  readonly usage: string;
  /** Does it. @throws {HerdError} usage, for flags that it does not know */
  run(args: readonly string[], surroundings: Surroundings): Promise<void>;
}

/**
 * Makes a command.
 * @param most arguments besides flags that it takes; none by default
 */
export function command<F extends Flags>(
  { flags, run, most = 0, ...rest }: {
    readonly summary: string;
    readonly usage: string;
    readonly flags: F;
    readonly most?: number;
    run(given: Given<F>, surroundings: Surroundings): Promise<void>;
  },
): Command {
  return {
    ...rest,
    flags,
    run(args, surroundings) {
      const given = parseFlags(flags, args);
      const extra = given.rest[most];
      if (extra !== undefined) throw new HerdError("usage", `Unexpected argument "${extra}": see --help`);
      return run(given, surroundings);
    },
  };
}

/**
 * Runs the command that the arguments name, or prints help or version.
 * @throws {HerdError} usage, for an unknown command (with the nearest one); and whatever the command throws
 */
export async function runCommand(
  commands: Readonly<Record<string, Command>>,
  [name, ...args]: readonly string[],
  surroundings: Surroundings,
): Promise<void> {
  const { version } = surroundings;
  const print = (text: string) => text.split("\n").forEach((line) => surroundings.print(line));
  if (name === undefined || name === "--help") return print(overview(commands, version));
  if (name === "--version") return print(version);
  const chosen = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (chosen === undefined) {
    const near = nearest(name, Object.keys(commands));
    throw new HerdError("usage", `Unknown command "${name}": ${near ? `did you mean ${near}?` : "see --help"}`);
  }
  if (args.includes("--help")) return print(helpText(name, chosen));
  if (args.includes("--version")) return print(version);
  await chosen.run(args, surroundings);
}

function helpText(name: string, { summary, usage, flags }: Command): string {
  return `${summary}\n\nUsage: deno task ${name} ${usage}\n\n${describeFlags(flags)}\n
Environment: HERD_DATA_DIR, HERD_DATA_URL, HERD_CACHE_DIR, NO_COLOR
Exit codes: 0 done, 1 a bug, 2 usage, 3 data, 4 cluster, 5 divergence, 130 interrupted`;
}

function overview(commands: Readonly<Record<string, Command>>, version: string): string {
  const lines = Object.entries(commands).map(([name, { summary }]) => `  deno task ${name.padEnd(8)} ${summary}`);
  return `Herd ${version}: distributed training, with and without gradient centralization\n\n${lines.join("\n")}\n
Each takes --help.`;
}
