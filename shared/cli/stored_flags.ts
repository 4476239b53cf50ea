// The flags of an earlier command, taken up by a later one that goes on with its work: it may change only some of them, and must
// be given others again.
import { HerdError, messageOf } from "../errors.ts";
import { camelCase, type Flags, flagsKept, type Values } from "./flags.ts";

/** The flags that an earlier command stored, and where. */
export interface StoredFlags {
  /** Under the flags' names in camel case; null stands for a flag that was not given. */
  readonly told: Readonly<Record<string, unknown>>;
  /** Where they are from, for messages. */
  readonly source: string;
}

/** What is stored of a command's flags: all but its own business. */
export function storedFlags<F extends Flags>(flags: F, values: Values<F>): Record<string, unknown> {
  const all = values as Readonly<Record<string, unknown>>;
  const names = Object.keys(flags).filter((name) => flags[name]!.kept !== "own").map(camelCase);
  return Object.fromEntries(names.map((name) => [name, all[name] ?? null]));
}

/**
 * The values of the flags as they are given now, or else as they were.
 * @param given the names of the flags that are given now
 * @throws {HerdError} usage, if another value is given for a flag that may not change; data, if a stored value is bad
 */
export function takeUp<F extends Flags>(
  flags: F,
  { values, given }: { readonly values: Values<F>; readonly given: ReadonlySet<string> },
  { told, source }: StoredFlags,
): Values<F> {
  const entries = Object.entries(flags).map(([name, { kept, fallback, parse }]) => {
    const now = (values as Readonly<Record<string, unknown>>)[camelCase(name)];
    const stored = told[camelCase(name)] ?? undefined;
    const isTaken = kept !== "own" && kept !== "again" && !(given.has(name) && kept === "free");
    if (!isTaken) return [camelCase(name), now];
    let before = fallback;
    try {
      if (stored !== undefined) before = parse(String(stored), name);
    } catch (cause) {
      throw new HerdError("data", `The flags stored in ${source} are damaged: ${messageOf(cause)}`, { cause });
    }
    if (given.has(name) && String(now) !== String(before)) {
      const was = stored === undefined ? "was not given" : `is ${before}`;
      throw new HerdError("usage", `--${name} ${now} cannot change what ${source} began with: there it ${was}`);
    }
    return [camelCase(name), before];
  });
  return Object.fromEntries(entries) as Values<F>;
}

/**
 * The flags that must be given again, as they stand in a command: "--listen 0.0.0.0:7400 --insecure". Those that say what is
 * said without them are left out.
 * @param values under the flags' names in camel case, such as stored ones
 */
export function toGiveAgain(flags: Flags, values: Readonly<Record<string, unknown>>): string {
  return flagsKept(flags, "again").flatMap((name) => {
    const { value, fallback } = flags[name]!;
    const said = values[camelCase(name)];
    if (value === null) return said === true ? [`--${name}`] : [];
    return typeof said !== "string" || said === fallback ? [] : [`--${name} ${shellWord(said)}`];
  }).join(" ");
}

/** A text as one word of a POSIX shell. */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
