import { assert, assertEquals, assertMatch } from "@std/assert";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { programIn, runProgram } from "../fixtures/examples.ts";
import { outcomeOf } from "../fixtures/herd.ts";
import { granted } from "../fixtures/permissions.ts";

const ROOT = new URL("../../", import.meta.url);
const ignore = !await granted("run", "read", "write", "net", "env"); // real processes

Deno.test({
  name: "publish: the package has no slow types, and what it has of Herd is enough to train with",
  ignore,
  async fn() {
    const child = new Deno.Command(Deno.execPath(), {
      args: ["publish", "--dry-run", "--allow-dirty"],
      cwd: fileURLToPath(ROOT),
      env: { NO_COLOR: "1" },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const { code, stdout, stderr } = await outcomeOf(child);
    assertEquals(code, 0, stderr);
    const files = [...(stdout + stderr).matchAll(/^ {3}(file:\S+) \(/gm)].map(([, url]) =>
      url!.slice(ROOT.href.length)
    );
    assert(files.includes("main.ts") && files.includes("LICENSE"), files.join("\n"));
    assertEquals(files.filter((file) => /^(tests|runs|\.ci)\//.test(file)), []);
    const folder = await Deno.makeTempDir({ prefix: "herd-test-" });
    try {
      const herd = join(folder, "herd");
      for (const file of files) {
        await Deno.mkdir(dirname(join(herd, file)), { recursive: true });
        await Deno.copyFile(new URL(file, ROOT), join(herd, file));
      }
      const program = await programIn(new URL("coordinator/commands/README.md", ROOT));
      const trained = await runProgram(program, { folder, herd });
      assertEquals([trained.code, trained.stderr], [0, ""]);
      assertMatch(trained.stdout, /^no-gc: test AUC [\d.]+\ngc: test AUC [\d.]+\n$/);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});
