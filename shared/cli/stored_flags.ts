// The flags of an earlier command, taken up by a later one that may change only some of them.
import { HerdError } from "../errors.ts";
import type { Flags, Values } from "./flags.ts";

/** How a later command may differ from an earlier one. */
export interface TakenUp {
  /** What the earlier command was told, under the flags' names in camel case; null stands for a flag that was not given. */
  readonly told: Readonly<Record<string, unknown>>;
  /** Flags that may change. */
  readonly free: readonly string[];
  /** Flags that are not the earlier command's business: they stand as they are given now. */
  readonly own: readonly string[];
  /** Where the earlier command's flags are from, for messages. */
  readonly source: string;
}

/**
 * The values of the flags as they are given now, or else as they were.
 * @param given the names of the flags that are given now
 * @throws {HerdError} usage, if another value is given for a flag that may not change; data, if a stored value is bad
 */
export function takeUp<F extends Flags>(
  flags: F,
  { values, given }: { values: Values<F>; given: ReadonlySet<string> },
  { told, free, own, source }: TakenUp,
): Values<F> {
  const entries = Object.entries(flags).map(([name, flag]) => {
    const now = values[name];
    const stored = told[camelCase(name)] ?? undefined;
    if (own.includes(name) || (given.has(name) && free.includes(name))) return [name, now];
    let before = flag.fallback;
    try {
      if (stored !== undefined) before = flag.parse(String(stored), name);
    } catch (cause) {
      throw new HerdError("data", `The flags stored in ${source} are damaged: ${(cause as Error).message}`, { cause });
    }
    if (given.has(name) && String(now) !== String(before)) {
      const was = stored === undefined ? "was not given" : `is ${before}`;
      throw new HerdError("usage", `--${name} ${now} cannot change what ${source} began with: there it ${was}`);
    }
    return [name, before];
  });
  return Object.fromEntries(entries) as Values<F>;
}

function camelCase(name: string): string {
  return name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
}
