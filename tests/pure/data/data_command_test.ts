// What `deno task data` refuses and how it ends; the training of its check is a stand-in here.
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { encode } from "fast-png";
import { join } from "node:path";
import { dataCommand } from "../../../data/mod.ts";
import type { Surroundings } from "../../../shared/cli/command.ts";
import { ProgressLine } from "../../../shared/cli/progress_line.ts";
import { EXIT_CODES, HerdError } from "../../../shared/errors.ts";
import * as fixtures from "../../fixtures/data_files.ts";

const LEARNT = { accuracy: 1, testAccuracy: 0.9 };
const NOT_LEARNT = { accuracy: 0.6, testAccuracy: 0.5 };

/** Runs the command. @returns the lines that it prints */
async function run(cacheDir: string, args: readonly string[], result = LEARNT): Promise<string[]> {
  const lines: string[] = [];
  const surroundings: Surroundings = {
    version: "test",
    environment: { HERD_CACHE_DIR: cacheDir },
    print: (line) => void lines.push(line),
    printLater: (line) => Promise.resolve(void lines.push(line)),
    progress: new ProgressLine(undefined),
    complain() {},
  };
  await dataCommand({ learnability: () => Promise.resolve(result) }).run(args, surroundings);
  return lines;
}

async function refuse(exitCode: number, attempt: () => Promise<unknown>, ...parts: string[]): Promise<void> {
  const error = await assertRejects(attempt, HerdError);
  assertEquals(EXIT_CODES[error.code], exitCode);
  for (const part of parts) assertStringIncludes(error.message, part);
}

function test(name: string, body: (root: string) => Promise<void>): void {
  Deno.test({
    name,
    ignore: fixtures.WITHOUT_FILES,
    fn: async () => {
      using directory = fixtures.temporaryDirectory();
      await body(directory.path);
    },
  });
}

/** Images of two classes whose mean colours differ, or do not. */
function images(root: string, differ: boolean): string {
  const file = (label: number, i: number) => {
    const data = fixtures.noise(12 * 12 * 3, 1000 * label + i).map((byte) => differ ? (byte >> 1) + 127 * label : byte);
    return new Uint8Array(encode({ width: 12, height: 12, channels: 3, data }));
  };
  const files = [["train", 40], ["validation", 20]] as const;
  return fixtures.writeFiles(
    join(root, "images"),
    Object.fromEntries(
      files.flatMap(([split, count]) =>
        ["dark", "bright"].flatMap((name, label) =>
          Array.from({ length: count }, (_, i) => [`${split}/${name}/${i}.png`, file(label, i + split.length * 50)])
        )
      ),
    ),
  );
}

test("data --check: exit 3 where mean colour separates the classes, where the network learns nothing, or both", async (root) => {
  const check = (differ: boolean, result: typeof LEARNT) => () =>
    run(join(root, `cache-${differ}`), ["--check", "--image-size", "12", "--data", images(root, differ)], result);
  const colour = "mean colour alone tells its classes apart";
  const network = "the network does not learn it";
  await refuse(3, check(true, LEARNT), `unfit for the experiment: ${colour}`);
  await refuse(3, check(true, NOT_LEARNT), `unfit for the experiment: ${colour}, and ${network}`);
  await Deno.remove(join(root, "images"), { recursive: true });
  await refuse(3, check(false, NOT_LEARNT), `unfit for the experiment: ${network}`);
  assertStringIncludes((await check(false, LEARNT)()).at(-1)!, "it learns them");
});

test("data --check: mean colour is looked at in any number of classes", async (root) => {
  const names = ["a", "b", "c", "d"];
  const check = (differ: boolean) => {
    const files = names.flatMap((name, label) =>
      Array.from({ length: 30 }, (_, i) => {
        const data = fixtures.noise(12 * 12 * 3, 1000 * label + i).map((byte) =>
          differ ? (byte >> 2) + 60 * label : byte
        );
        return [`${name}/${i}.png`, new Uint8Array(encode({ width: 12, height: 12, channels: 3, data }))];
      })
    );
    const path = fixtures.writeFiles(join(root, `${differ}`), Object.fromEntries(files));
    return run(join(root, "cache"), ["--check", "--image-size", "12", "--data", path]);
  };
  await refuse(3, () => check(true), "mean colour alone tells its classes apart");
  assertStringIncludes((await check(false)).join("\n"), "it does not separate the classes");
});

test("data --clean: what it would leave undone is refused", async (root) => {
  for (const more of [["--check"], ["--data", "procedural"], ["--image-size", "12"]]) {
    await refuse(2, () => run(root, ["--clean", ...more]), `--clean does nothing else: give it without ${more[0]}`);
  }
});

test("data --clean: exit 3 for a cache that cannot be read, and for what cannot be removed", async (root) => {
  const file = join(root, "file");
  await Deno.writeTextFile(file, "in the way");
  await refuse(3, () => run(file, ["--clean"]), `Cannot read '${join(file, "packed")}'`, "HERD_CACHE_DIR");
  const relay = join(root, "cache", "relays", "0123456789abcdef-r1");
  await Deno.mkdir(join(relay, "lock"), { recursive: true }); // nobody can lock it
  await Deno.writeTextFile(join(relay, "w1.log"), "");
  await Deno.truncate(join(relay, "w1.log"), 11e9); // a hole, which takes no room
  await Deno.utime(join(relay, "w1.log"), new Date(0), new Date(0));
  await Deno.utime(join(relay, "lock"), new Date(0), new Date(0));
  await refuse(3, () => run(join(root, "cache"), ["--clean"]), `Cannot remove '${relay}'`);
  assertEquals((await run(join(root, "none"), ["--clean"])).length, 2, "there need not be a cache");
});
