import { assertEquals } from "@std/assert";
import { identityOf } from "../../../coordinator/commands/identity.ts";
import type { RunData } from "../../../coordinator/commands/run_data.ts";
import { DEFAULT_SETTINGS, trainFlags } from "../../../coordinator/commands/settings.ts";
import { camelCase, type Flag } from "../../../shared/cli/flags.ts";
import { DATASET } from "../../fixtures/events.ts";

const DATA: RunData = {
  path: "",
  info: DATASET.info,
  ids: { train: new Uint32Array(), test: new Uint32Array() },
  labels: { train: new Uint8Array(), test: new Uint8Array() },
};

/** A value that is not the default. */
function otherValue(name: string, { value, fallback, parse }: Flag<unknown>): unknown {
  const words = value === null ? ["true"] : ["200", "20", "0.25", "gc", ...value.split("|").reverse(), "elsewhere"];
  for (const word of words) {
    try {
      const parsed = parse(word, name);
      if (String(parsed) !== String(fallback)) return parsed;
    } catch {
      // It is of another kind.
    }
  }
  throw new Error(`No value for --${name}`);
}

async function identityWith(changes: Readonly<Record<string, unknown>>): Promise<unknown> {
  const { runId: _, ...identity } = await identityOf({ ...DEFAULT_SETTINGS, ...changes }, DATA);
  return identity;
}

Deno.test("what a run is known by follows from the flags that are declared to change bits, each of them, and no others", async () => {
  const before = JSON.stringify(await identityWith({}));
  const changing: string[] = [];
  // Images are known by their hash, wherever they are and whatever was left out; a run that is gone on with is known by its folder's config.
  const flags = Object.entries<Flag<unknown>>(trainFlags).filter(([name]) =>
    !["data", "skip-unreadable", "resume"].includes(name)
  );
  for (const [name, flag] of flags) {
    const after = JSON.stringify(await identityWith({ [camelCase(name)]: otherValue(name, flag) }));
    if (after !== before) changing.push(name);
  }
  assertEquals(changing, flags.filter(([, { kept }]) => kept === "bits").map(([name]) => name));
  const other = { ...DATA, info: { ...DATA.info, sha256: "d".repeat(64) } };
  assertEquals(JSON.stringify(await identityOf(DEFAULT_SETTINGS, other)).includes("d".repeat(64)), true);
});
