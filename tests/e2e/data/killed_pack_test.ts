// A process that is killed while it packs a data set leaves an unfinished file: the next start removes it.
import { assert, assertEquals } from "@std/assert";
import { join } from "node:path";
import { filesBelow } from "../../fixtures/data_files.ts";
import { Workspace } from "../../fixtures/herd.ts";
import { granted } from "../../fixtures/permissions.ts";

const ignore = !await granted("run", "read", "write", "env"); // runs Herd

Deno.test({
  name: "a pack that was killed leaves nothing for longer than to the next start",
  ignore,
  async fn() {
    await using workspace = await Workspace.create();
    const packed = join(workspace.path, "cache", "packed");
    const unfinished = () => filesBelow(packed).filter((name) => name.endsWith(".part"));
    const killed = workspace.spawn(["data", "--data", "procedural"]);
    let isOver = false;
    const output = killed.output().finally(() => isOver = true);
    while (unfinished().length === 0 && !isOver) await new Promise((resolve) => setTimeout(resolve, 20));
    killed.kill("SIGKILL");
    assertEquals((await output).success, false);
    const [left, ...others] = unfinished();
    assert(left !== undefined && others.length === 0);
    const data = ["data", "--data", join(workspace.path, "images"), "--image-size", "24"];
    const next = await workspace.run(data);
    assertEquals(next.code, 0, next.stderr);
    assertEquals([unfinished(), filesBelow(packed).length], [[], 1]);
  },
});
