// A local stand-in for jsr:@std/cli/parse-args, with the options that Herd uses, for machines that cannot reach JSR. Same
// names and behaviour as the original, over node:util; the README says how to go back to the original.
import { parseArgs as parse } from "node:util";

/** What {@linkcode parseArgs} returns: positional arguments in `_`, flags under their names. */
export type Args = { _: string[] } & Record<string, unknown>;

/** Options for {@linkcode parseArgs}. */
export interface ParseOptions {
  /** Flags that take no value. */
  boolean?: readonly string[];
  /** Flags that take a value; without one they are "". */
  string?: readonly string[];
  /** Called for a flag (with its name) or a positional argument (without) that is not declared; false drops it. */
  unknown?: (arg: string, key?: string, value?: unknown) => unknown;
}

/** Parses command line arguments. */
export function parseArgs(args: readonly string[], options: ParseOptions = {}): Args {
  const declared = Object.fromEntries([
    ...(options.boolean ?? []).map((name) => [name, { type: "boolean" as const }]),
    ...(options.string ?? []).map((name) => [name, { type: "string" as const }]),
  ]) as Record<string, { type: "boolean" | "string" }>;
  const { tokens } = parse({ args: [...args], options: declared, strict: false, tokens: true, allowPositionals: true });
  const result: Args = { _: [] };
  for (const name of options.boolean ?? []) result[name] = false;
  for (const token of tokens) {
    if (token.kind === "positional") {
      if (options.unknown?.(token.value) !== false) result._.push(token.value);
    } else if (token.kind === "option") {
      const type = declared[token.name]?.type;
      const value = type === "string" ? token.value ?? "" : booleanOr(token.value);
      if (type !== undefined || options.unknown?.(token.rawName, token.name, value) !== false) {
        result[token.name] = value;
      }
    }
  }
  return result;
}

function booleanOr(value: string | undefined): unknown {
  return value === undefined || value === "true" ? true : value === "false" ? false : value;
}
