import { assertEquals, assertThrows } from "@std/assert";
import { keep, number, parseFlags, text, toggle } from "../../../../shared/cli/flags.ts";
import { shellWord, storedFlags, takeUp, toGiveAgain } from "../../../../shared/cli/stored_flags.ts";
import { HerdError } from "../../../../shared/errors.ts";

const flags = {
  ...keep("bits", "network", {
    "batch-size": number({ help: "", min: 1 }, 128),
    limit: number({ help: "", min: 1 }, undefined),
  }),
  ...keep("free", "workers", { workers: number({ help: "", min: 0 }, 2) }),
  ...keep("fixed", "data", { data: text("SET", "", "auto"), twice: toggle(""), thrice: toggle("") }),
  ...keep("own", "tells", { quiet: toggle("") }),
  ...keep("again", "machines", {
    "token-file": text("FILE", "", undefined),
    where: text("WHERE", "", "local"),
    insecure: toggle(""),
  }),
};
/** Of those that are to be given again. */
const NOT_GIVEN = { tokenFile: undefined, where: "local", insecure: false };
const evil = { tokenFile: "/etc/passwd", where: "ssh:/tmp/evil", insecure: true };
const told = { batchSize: 16, limit: null, workers: 4, twice: true, thrice: false, ...evil };
const rules = { told, source: "runs/a" };

Deno.test("takeUp() takes the stored values, the given ones where they may change, and equal ones", () => {
  const of = (...args: string[]) => takeUp(flags, parseFlags(flags, args), rules);
  const toggles = { twice: true, thrice: false, quiet: false };
  const stored = { batchSize: 16, limit: undefined, workers: 4, data: "auto", ...toggles, ...NOT_GIVEN };
  assertEquals(of(), stored);
  assertEquals(of("--workers", "1", "--quiet"), { ...stored, workers: 1, quiet: true });
  assertEquals(of("--batch-size", "16", "--twice"), stored);
});

Deno.test("takeUp() never takes what must be given again from the store, whatever stands there, and takes what is given", () => {
  const of = (told: Record<string, unknown>, ...args: string[]) => {
    const { tokenFile, where, insecure } = takeUp(flags, parseFlags(flags, args), { ...rules, told });
    return { tokenFile, where, insecure };
  };
  for (const odd of [told, { ...told, where: { a: 1 }, tokenFile: 7, insecure: "yes" }, {}]) {
    assertEquals(of(odd), NOT_GIVEN);
    assertEquals(of(odd, "--where", "here", "--insecure"), { ...NOT_GIVEN, where: "here", insecure: true });
  }
});

Deno.test("toGiveAgain() shows a command's part, quoted for a shell, without defaults and what is no value", () => {
  assertEquals(toGiveAgain(flags, told), "--token-file /etc/passwd --where ssh:/tmp/evil --insecure");
  assertEquals(toGiveAgain(flags, { ...NOT_GIVEN, batchSize: 3 }), "");
  assertEquals(toGiveAgain(flags, { where: 3, tokenFile: null, insecure: "true" }), "");
  assertEquals(toGiveAgain(flags, { where: "it's; $(rm)" }), "--where 'it'\\''s; $(rm)'");
  assertEquals([shellWord(""), shellWord("a b"), shellWord("runs/a_1.b")], ["''", "'a b'", "runs/a_1.b"]);
});

Deno.test("takeUp() refuses another value with the flag's name and the value there was, and damaged stored values", () => {
  const refuse = (args: string[], told: Record<string, unknown> = rules.told) =>
    assertThrows(() => takeUp(flags, parseFlags(flags, args), { ...rules, told }), HerdError);
  const changed = refuse(["--batch-size", "128"]);
  assertEquals(changed.code, "usage");
  assertEquals(changed.message, "--batch-size 128 cannot change what runs/a began with: there it is 16");
  assertEquals(refuse(["--thrice"]).message.endsWith("there it is false"), true);
  assertEquals(refuse(["--limit", "3"]).message.endsWith("there it was not given"), true);
  const damaged = refuse([], { batchSize: -1 });
  assertEquals(damaged.code, "data");
  assertEquals(
    damaged.message,
    'The flags stored in runs/a are damaged: --batch-size must be a whole number of at least 1: got "-1"',
  );
});

Deno.test("storedFlags() keeps what a later command needs to know, under names that JSON keeps, and nothing of its own", () => {
  const { values } = parseFlags(flags, ["--batch-size", "16", "--quiet", "--twice"]);
  const stored = storedFlags(flags, values);
  const again = { tokenFile: null, where: "local", insecure: false };
  assertEquals(stored, { batchSize: 16, limit: null, workers: 2, data: "auto", twice: true, thrice: false, ...again });
  const taken = takeUp(flags, parseFlags(flags, []), { told: JSON.parse(JSON.stringify(stored)), source: "runs/a" });
  assertEquals(taken, { ...values, quiet: false });
});
