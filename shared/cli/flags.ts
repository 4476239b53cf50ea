// Command line flags as data: each knows its kind, its default and its help, and refuses a bad value in one sentence.
import { parseArgs } from "@std/cli/parse-args";
import { HerdError } from "../errors.ts";

/** A flag of type T. */
export interface Flag<T> {
  /** What stands for the value in the help; null for a flag without a value. */
  readonly value: string | null;
  /** What it is for, in a few words. */
  readonly help: string;
  /** The default as the help shows it. */
  readonly shown: string | undefined;
  /** The value when it is not given. */
  readonly fallback: T;
  /** What a later command that goes on with the work may say: see {@linkcode Kept}. */
  readonly kept?: Kept;
  /** Under what it stands in the help. */
  readonly topic?: Topic;
  /** The value that a text stands for. @throws {HerdError} usage */
  parse(text: string, name: string): T;
}

/**
 * What becomes of a flag when another command goes on with the work: "bits" and "fixed" ones stay as they were (the former
 * change the bits of the result), "free" ones may be others, "own" ones are never stored: they are each command's own business.
 * "again" ones are stored to be told of, and never taken from there: they start programs, open paths or let others in, and
 * whoever wrote the store may be somebody else.
 */
export type Kept = "bits" | "fixed" | "free" | "again" | "own";

/** What flags are about, in the order of a help text, and the titles there. */
export const TOPICS = {
  compared: "What is compared",
  data: "The data",
  network: "The network and its training",
  workers: "Workers",
  machines: "Several machines",
  leaves: "What it leaves",
  tells: "How it tells",
} as const;

/** What a flag is about. */
export type Topic = keyof typeof TOPICS;

/** Flags with what they are about. */
export function about<const F extends Flags>(topic: Topic, flags: F): F {
  return Object.fromEntries(Object.entries(flags).map(([name, flag]) => [name, { ...flag, topic }])) as unknown as F;
}

/** Flags with what becomes of them when another command goes on with the work, and what they are about. */
export function keep<const F extends Flags>(kept: Kept, topic: Topic, flags: F): F {
  const told = Object.entries(about(topic, flags)).map(([name, flag]) => [name, { ...flag, kept }]);
  return Object.fromEntries(told) as unknown as F;
}

/** The names of the flags of a kind. */
export function flagsKept(flags: Flags, kind: Kept): string[] {
  return Object.keys(flags).filter((name) => flags[name]!.kept === kind);
}

/** Flags by name, without the dashes. */
export type Flags = Readonly<Record<string, Flag<unknown>>>;

/** A flag's name in code: "batch-size" is batchSize. */
export type CamelCase<Name extends string> = Name extends `${infer Head}-${infer Tail}`
  ? `${Head}${Capitalize<CamelCase<Tail>>}`
  : Name;

/** The values of flags, under their names in camel case. */
export type Values<F extends Flags> = {
  readonly [K in keyof F & string as CamelCase<K>]: F[K] extends Flag<infer T> ? T : never;
};

/** A flag's name in code. */
export function camelCase(name: string): string {
  return name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
}

/** The values of flags of which none is given. */
export function defaultsOf<F extends Flags>(flags: F): Values<F> {
  return parseFlags(flags, []).values;
}

/** A flag that is there or not. */
export function toggle(help: string): Flag<boolean> {
  return { value: null, help, shown: undefined, fallback: false, parse: (given) => given === "true" };
}

/** A text, such as a path. */
export function text<T extends string | undefined>(value: string, help: string, fallback: T): Flag<string | T> {
  return { value, help, shown: fallback, fallback, parse: (given) => given };
}

/** One of a few words. */
export function choice<const T extends string, U extends T | undefined = T>(
  words: readonly T[],
  help: string,
  fallback: U,
): Flag<T | U> {
  return {
    value: words.join("|"),
    help,
    shown: fallback,
    fallback,
    parse: (given, name) => wordOf(words, given, name),
  };
}

/** Some of a few words, separated by commas, each once. */
export function choices<const T extends string>(
  words: readonly T[],
  help: string,
  fallback: readonly T[],
): Flag<readonly T[]> {
  return {
    value: "LIST",
    help: `${help}, of ${words.join(", ")}`,
    shown: fallback.join(","),
    fallback,
    parse(given, name) {
      const list = given.split(",").map((word) => wordOf(words, word.trim(), name));
      if (new Set(list).size < list.length) throw usage(`--${name} names one twice: got "${given}"`);
      return list;
    },
  };
}

/** A number in a range; `whole` ones only if so said. */
export function number<T extends number | undefined>(
  { help, min, max = Infinity, whole = true, shown }: {
    readonly help: string;
    readonly min: number;
    readonly max?: number;
    readonly whole?: boolean;
    readonly shown?: string;
  },
  fallback: T,
): Flag<number | T> {
  return {
    value: whole ? "N" : "X",
    help,
    shown: shown ?? fallback?.toString(),
    fallback,
    parse(given, name) {
      const value = given.trim() === "" ? NaN : Number(given);
      if (Number.isFinite(value) && (!whole || Number.isInteger(value)) && value >= min && value <= max) return value;
      const kind = whole ? "a whole number" : "a number";
      const range = max === Infinity ? `of at least ${min}` : `from ${min} to ${max}`;
      throw usage(`--${name} must be ${kind} ${range}: got "${given}"`);
    },
  };
}

/** Numbers of at least `min`, separated by commas, each once. */
export function numbers(
  { help, min }: { readonly help: string; readonly min: number },
  fallback: readonly number[],
): Flag<readonly number[]> {
  return {
    value: "LIST",
    help,
    shown: fallback.join(","),
    fallback,
    parse(given, name) {
      const list = given.split(",").map((one) => one.trim() === "" ? NaN : Number(one));
      if (!list.every((one) => Number.isFinite(one) && one >= min)) {
        throw usage(`--${name} must be numbers of at least ${min}, separated by commas: got "${given}"`);
      }
      if (new Set(list).size < list.length) throw usage(`--${name} names one twice: got "${given}"`);
      return list;
    },
  };
}

/** A flag that a command does not know; another one may. */
export class UnknownFlag extends HerdError {
  /** Its name, without the dashes. */
  readonly flag: string;

  /** Of the flag, and what to do. */
  constructor(flag: string, hint: string) {
    super("usage", `Unknown flag ${flag.length > 1 ? "--" : "-"}${flag}: ${hint}`);
    this.flag = flag;
  }
}

/**
 * Reads the flags of a command.
 * @returns the values, the names of the flags that are there, and the other arguments
 * @throws {UnknownFlag} with the nearest one that it knows
 * @throws {HerdError} usage, for a missing or bad value
 */
export function parseFlags<F extends Flags>(
  flags: F,
  args: readonly string[],
): { values: Values<F>; given: Set<string>; rest: string[] } {
  const names = Object.keys(flags);
  const parsed = parseArgs(args, {
    boolean: names.filter((name) => flags[name]!.value === null),
    string: names.filter((name) => flags[name]!.value !== null),
    unknown(_arg, key) {
      if (key === undefined) return true;
      const near = nearest(key, names);
      throw new UnknownFlag(key, near ? `did you mean --${near}?` : "see --help");
    },
  });
  const given = new Set(names.filter((name) => parsed[name] !== undefined && parsed[name] !== false));
  const values = names.map((name) => {
    const flag = flags[name]!;
    if (!given.has(name)) return [camelCase(name), flag.fallback];
    const value = String(parsed[name]);
    if (flag.value !== null && (value === "" || value.startsWith("--"))) {
      throw usage(`--${name} needs a value: give --${name} ${flag.value}`);
    }
    return [camelCase(name), flag.parse(value, name)];
  });
  return { values: Object.fromEntries(values) as Values<F>, given, rest: parsed._.map(String) };
}

/** The word that needs the fewest changes to become `word`, if they are few enough to be a slip. */
export function nearest(word: string, words: readonly string[]): string | undefined {
  const ranked = words.map((candidate) => ({ candidate, distance: editDistance(word, candidate) }));
  ranked.sort((a, b) => a.distance - b.distance);
  const [best] = ranked;
  return best !== undefined && best.distance <= Math.max(2, word.length / 3) ? best.candidate : undefined;
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next[j] = Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1));
    }
    row = next;
  }
  return row[b.length]!;
}

function wordOf<T extends string>(words: readonly T[], given: string, name: string): T {
  const word = words.find((candidate) => candidate === given);
  if (word !== undefined) return word;
  const near = nearest(given, words);
  const hint = near ? `did you mean ${near}?` : `use ${words.join(", ")}`;
  throw usage(`--${name} cannot be "${given}": ${hint}`);
}

function usage(message: string): HerdError {
  return new HerdError("usage", message);
}
