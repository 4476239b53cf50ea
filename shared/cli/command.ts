// A command of the command line: its flags as data, what it does as a function, and the help that follows from them.
import { HerdError } from "../errors.ts";
import type { Console } from "./console.ts";
import { about, type Flag, type Flags, nearest, parseFlags, toggle, UnknownFlag, type Values } from "./flags.ts";
import { type Described, helpText, overview } from "./help.ts";

/** What a command has around it: all that it may print to, and what the user's shell says. */
export interface Surroundings extends Console {
  /** The version of Herd. */
  readonly version: string;
  /** Environment variables. */
  readonly environment: Readonly<Record<string, string>>;
}

/** The flags that every command has. */
export const commonFlags: {
  readonly verbose: Flag<boolean>;
  readonly version: Flag<boolean>;
  readonly help: Flag<boolean>;
} = about("tells", {
  verbose: toggle("more lines, and the stack trace of an error"),
  version: toggle("print the version"),
  help: toggle("print this"),
});

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
export interface Command extends Described {
  /** Does it. @throws {HerdError} usage, for flags that it does not know */
  run(args: readonly string[], surroundings: Surroundings): Promise<void>;
}

/**
 * Makes a command.
 * @param most arguments besides flags that it takes; none by default
 */
export function command<F extends Flags>(
  { flags, run, most = 0, ...rest }: Described & {
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
 * @param commands the first three are those that most people need
 * @throws {HerdError} usage, for an unknown command (with the nearest one) or flag (with the command that knows it); and
 * whatever the command throws
 */
export async function runCommand(
  commands: Readonly<Record<string, Command>>,
  [name, ...args]: readonly string[],
  surroundings: Surroundings,
): Promise<void> {
  const { version, complain } = surroundings;
  const print = (text: string) => text.split("\n").forEach((line) => surroundings.print(line));
  if (name === undefined || name === "--help") return print(overview(commands, version));
  if (name === "--version") return print(version);
  const chosen = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (chosen === undefined) {
    const near = nearest(name, Object.keys(commands));
    if (near === undefined) overview(commands, version).split("\n").forEach((line) => complain(line));
    throw new HerdError("usage", `Unknown command "${name}": ${near ? `did you mean ${near}?` : "use one of these"}`);
  }
  if (args.includes("--help")) return print(helpText(name, chosen));
  if (args.includes("--version")) return print(version);
  try {
    await chosen.run(args, surroundings);
  } catch (error) {
    throw error instanceof UnknownFlag ? withOwner(error, chosen, commands) : error;
  }
}

/** A flag that the command does not know, nor one like it, may be another's. */
function withOwner(
  error: UnknownFlag,
  { flags }: Command,
  commands: Readonly<Record<string, Command>>,
): UnknownFlag {
  const all = Object.values(commands).flatMap(({ flags }) => Object.keys(flags));
  const isSlip = nearest(error.flag, Object.keys(flags)) !== undefined;
  const meant = all.includes(error.flag) ? error.flag : isSlip ? undefined : nearest(error.flag, all);
  if (meant === undefined) return error;
  const owners = Object.keys(commands).filter((name) => Object.hasOwn(commands[name]!.flags, meant));
  const whose = owners.map((name) => `\`deno task ${name}\``).join(" and ");
  return new UnknownFlag(error.flag, `${meant === error.flag ? "it" : `--${meant}`} belongs to ${whose}`);
}
