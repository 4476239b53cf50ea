// The tutorial's commands, as they stand in its page, one after another in an empty folder. 90 s.
import { assert, assertEquals, assertMatch } from "@std/assert";
import { join } from "node:path";
import { granted } from "../fixtures/permissions.ts";
import { commandsOf, Reader } from "../fixtures/reader.ts";

const PAGE = new URL("../../coordinator/commands/TUTORIAL.md", import.meta.url);

/** What a command must say. */
const SAID: readonly (readonly [command: RegExp, said: RegExp])[] = [
  [/doctor/, /auto +simd[^]*Nothing is wrong|Warning/],
  [/data .*--export/, /1027 training and 256 test images of 32×32×3/],
  [/data .*photos --image-size/, /photos: 1027 training and 256 test images .*drawn-horses 500 \+ 128/],
  [/train .*runs\/first/, /too few pairs: 1, and the rule asks for 6[^]*Report: runs\/first\/report.html/],
  [/train .*--seeds 6/, /Verdict \(test AUC\): [^]*Report: runs\/six\/report.html/],
  [/report .*--picture/, /Picture: \.\.\/pairs\.svg/],
  [/evaluate/, /accuracy/i],
  [/predict/, /00000\.png +drawn-h[^]*00128\.png +drawn-h/],
];

Deno.test({
  name: "the tutorial's commands do what it says, in their order",
  ignore: !await granted("read", "write", "run", "env") || Deno.build.os === "windows",
  async fn(test) {
    const commands = commandsOf(await Deno.readTextFile(PAGE));
    assertEquals(commands.length, SAID.length);
    await using reader = await Reader.create();
    for (const [i, command] of commands.entries()) {
      await test.step(command, async () => {
        const { code, out, err } = await reader.type(command);
        assertEquals(code, 0, `${out}${err}`);
        const [pattern, said] = SAID[i]!;
        assertMatch(command, pattern);
        assertMatch(out, said);
      });
    }
    const left = ["photos/train/drawn-horses/00000.png", "pairs.svg", "wrong.html", "herd/runs/six/report.html"];
    for (const path of left) assert((await Deno.stat(join(reader.root, path))).size > 0, path);
  },
});
