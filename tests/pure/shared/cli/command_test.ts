// What the command line answers to those who ask, and to those who mistype.
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { type Command, command, commonFlags, runCommand } from "../../../../shared/cli/command.ts";
import { about, flagsKept, keep, parseFlags, text, toggle, TOPICS } from "../../../../shared/cli/flags.ts";
import { describeFlags, helpText, overview } from "../../../../shared/cli/help.ts";
import { ProgressLine } from "../../../../shared/cli/progress_line.ts";
import { HerdError } from "../../../../shared/errors.ts";
import { granted } from "../../../fixtures/permissions.ts";

const MOST_COLUMNS = 80;

function commandOf(flags: Command["flags"]): Command {
  return command({
    summary: "Does it",
    usage: "[flags]",
    examples: [["one --quiet", "says little"]],
    flags: { ...flags, ...commonFlags },
    run: () => Promise.resolve(),
  });
}

const COMMANDS: Readonly<Record<string, Command>> = {
  train: commandOf(about("data", { data: text("SET", "which", "auto"), retain: toggle("it") })),
  report: commandOf({}),
  doctor: commandOf({}),
  worker: commandOf(about("machines", { connect: text("URL", "where to", undefined), data: text("SET", "", "") })),
};

/** Runs it. @returns what it prints to stdout and to stderr */
async function said(...args: string[]): Promise<[string, string]> {
  const [out, err]: [string[], string[]] = [[], []];
  await runCommand(COMMANDS, args, {
    version: "1.2.3",
    environment: {},
    print: (line) => void out.push(line),
    complain: (line) => void err.push(line),
    printLater: () => Promise.resolve(),
    progress: new ProgressLine(undefined),
  }).catch((error) => void err.push(error.message));
  return [out.join("\n"), err.join("\n")];
}

Deno.test("without a command, what most people need comes first, then the rest", async () => {
  for (const args of [[], ["--help"]]) {
    const [text] = await said(...args);
    assertMatch(text, /most people need\n.*train.*\n.*report.*\n.*doctor.*\n\nThe rest\n.*worker/);
  }
});

Deno.test("a mistyped command is told its nearest, and one that is like none the list of them", async () => {
  assertEquals(await said("trian"), ["", 'Unknown command "trian": did you mean train?']);
  const [out, err] = await said("elephant");
  assertEquals(out, "");
  assertMatch(err, /What most people need[^]*worker[^]*Unknown command "elephant": use one of these$/);
  assertEquals(await said("toString"), [
    "",
    err.split("\n").with(-1, "").join("\n") + 'Unknown command "toString": use one of these',
  ]);
});

Deno.test("a flag of another command names that one, a slip the nearest flag of this one", async () => {
  const messages: readonly [string, string][] = [
    ["report --connect ws://x", "Unknown flag --connect: it belongs to `deno task worker`"],
    ["report --conect=x", "Unknown flag --conect: --connect belongs to `deno task worker`"],
    ["report --data x", "Unknown flag --data: it belongs to `deno task train` and `deno task worker`"],
    ["train --retian", "Unknown flag --retian: did you mean --retain?"],
    ["train --elephants", "Unknown flag --elephants: see --help"],
    ["train --constructor", "Unknown flag --constructor: see --help"],
    ["train -x", "Unknown flag -x: see --help"],
  ];
  for (const [line, message] of messages) {
    assertEquals(await said(...line.split(" ")), ["", message]);
  }
  const run = () => COMMANDS.train!.run(["--connect", "x"], {} as never);
  assertEquals((await assertRejects(async () => await run(), HerdError)).code, "usage");
});

Deno.test("a command's flags stand under their topics, in the order of these, with their defaults", () => {
  const flags = {
    ...keep("own", "tells", { quiet: toggle("less") }),
    ...keep("bits", "data", { data: text("SET", "which", "auto") }),
    stray: toggle("of no topic"),
    ...about("compared", { arms: text("A-VERY-LONG-NAME-OF-A-VALUE", "what", "all of them") }),
  };
  assertEquals(
    describeFlags(flags),
    `What is compared
  --arms A-VERY-LONG-NAME-OF-A-VALUE
                        what [all of them]

The data
  --data SET            which [auto]

How it tells
  --quiet               less

Others
  --stray               of no topic`,
  );
  assertEquals([flagsKept(flags, "own"), flagsKept(flags, "bits")], [["quiet"], ["data"]]);
});

Deno.test({
  name: "the help of every command fits 80 columns, has a topic for each flag, and examples that can be parsed",
  ignore: !await granted("env") || !await granted("read"),
  async fn() {
    const { COMMANDS } = await import("../../../../main.ts");
    const texts = [overview(COMMANDS, "0.1.0")];
    for (const [name, { flags, ...described }] of Object.entries(COMMANDS)) {
      const help = helpText(name, { flags, ...described });
      texts.push(help);
      const titles = Object.values(TOPICS).filter((title) => help.includes(`\n${title}\n`));
      assert(titles.length > 0 && !help.includes("Others\n"), `${name} has flags without a topic`);
      assert(described.examples.length > 0, `${name} has no example`);
      for (const [line] of described.examples) {
        const [first, ...args] = line.split(" ");
        assertEquals(first, name);
        parseFlags(flags, args);
      }
    }
    const wide = texts.flatMap((one) => one.split("\n")).filter((line) => [...line].length > MOST_COLUMNS);
    assertEquals(wide, []);
  },
});
