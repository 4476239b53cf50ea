// README's commands, one after another in an empty folder, with a small network and few images. 60 s.
import { assert, assertEquals, assertMatch } from "@std/assert";
import { join } from "node:path";
import { granted } from "../fixtures/permissions.ts";
import { commandsOf, Reader } from "../fixtures/reader.ts";

/** What makes a train of README one of seconds. */
const SMALL = `set -- "$@" --image-size 32 --model tiny --limit 32 --batch-size 16 --epochs 1
# Without a connection that is what --data auto comes to.
case " $* " in *" --data "*) ;; *) set -- "$@" --data procedural;; esac`;

/** What is not run here: the tests themselves, and what needs other machines, which the tests of the door have. */
const ELSEWHERE = /^deno task test\b|^umask|^openssl|^ +-addext|--listen|--connect/;

Deno.test({
  name: "README's commands do their work",
  ignore: !await granted("read", "write", "run", "env") || Deno.build.os === "windows",
  async fn(test) {
    const all = commandsOf(await Deno.readTextFile(new URL("../../README.md", import.meta.url)));
    const commands = all.filter((command) => !ELSEWHERE.test(command));
    assertEquals([commands.length, all.length - commands.length], [9, 7], all.join("\n"));
    await using reader = await Reader.create(SMALL);
    const herd = (name: string) => join(reader.folder, name);
    assertEquals((await reader.type("deno task data --data procedural --image-size 32 --export drawn")).code, 0);
    await Deno.rename(herd("drawn/train"), herd("photos"));
    await Deno.rename(herd("drawn/validation/drawn-horses"), herd("new-photos"));
    const runs: string[] = [];
    for (const command of commands) {
      await test.step(command, async () => {
        if (command.includes("--from-keras")) {
          await Deno.copyFile(herd(`${runs[0]}/models/gc-0/model.json`), herd("model.json"));
        }
        if (command.includes("runs/A")) {
          await Deno.rename(herd(runs.at(-2)!), herd("runs/A"));
          await Deno.rename(herd(runs.at(-1)!), herd("runs/B"));
        }
        const { code, out, err } = await reader.type(command);
        assertEquals(code, 0, `${out}${err}`);
        if (!/task train/.test(command)) return;
        const [, run] = out.match(/^Report: (.+)\/report\.html$/m) ?? [];
        assert(run !== undefined, out);
        assertMatch(out, /^Verdict/m);
        runs.push(run);
      });
    }
  },
});
