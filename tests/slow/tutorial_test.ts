// The tutorial's commands, as they stand in its page, one after another in an empty folder. 90 s.
import { assert, assertEquals, assertMatch } from "@std/assert";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { granted } from "../fixtures/permissions.ts";

const PAGE = new URL("../../coordinator/commands/TUTORIAL.md", import.meta.url);
const MAIN = fileURLToPath(new URL("../../main.ts", import.meta.url));
const DEADLINE_MS = 180_000;

/** The lines of a page's blocks of shell commands. */
function commandsOf(page: string): string[] {
  return [...page.matchAll(/^```sh\n([^]*?)^```$/gm)].flatMap(([, block]) => block!.trim().split("\n"));
}

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
    const root = await Deno.makeTempDir({ prefix: "herd-tutorial-" });
    try {
      const [herd, bin] = [join(root, "herd"), join(root, "bin")];
      for (const folder of [herd, bin]) await Deno.mkdir(folder);
      // `deno task` would run in Herd's own folder, and leave there what belongs in this one.
      const script = `#!/bin/sh\nshift\nexec "${Deno.execPath()}" run -q --no-prompt -A "${MAIN}" "$@"\n`;
      await Deno.writeTextFile(join(bin, "deno"), script, { mode: 0o755 });
      for (const [i, command] of commands.entries()) {
        await test.step(command, async () => {
          const { code, stdout, stderr } = await new Deno.Command("sh", {
            args: ["-c", command],
            cwd: herd,
            env: {
              PATH: `${bin}:${Deno.env.get("PATH")}`,
              HERD_CACHE_DIR: join(root, "cache"),
              HERD_DATA_DIR: "",
              // A software adapter is slower than the engine that is taken without one.
              DENO_WEBGPU_BACKEND: "none",
            },
            signal: AbortSignal.timeout(DEADLINE_MS),
          }).output();
          const [out, err] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
          assertEquals(code, 0, `${out}${err}`);
          const [pattern, said] = SAID[i]!;
          assertMatch(command, pattern);
          assertMatch(out!, said);
        });
      }
      const left = ["photos/train/drawn-horses/00000.png", "pairs.svg", "wrong.html", "herd/runs/six/report.html"];
      for (const path of left) assert((await Deno.stat(join(root, path))).size > 0, path);
    } finally {
      await Deno.remove(root, { recursive: true });
    }
  },
});
