// A folder that does not say which of its images are for testing: trained on, gone on with, and evaluated.
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import { classFiles, writeFiles } from "../../fixtures/data_files.ts";
import { Workspace } from "../../fixtures/herd.ts";
import { granted } from "../../fixtures/permissions.ts";

const ignore = !await granted("run", "read", "write", "net", "env"); // real processes

Deno.test({
  name:
    "--validation-split divides a folder, --resume and evaluate divide it so again, and another folder is tested whole",
  ignore,
  async fn() {
    await using workspace = await Workspace.create();
    const names = ["a", "b", "c"];
    const images = writeFiles(join(workspace.path, "flat"), classFiles("", 8, names));
    const other = writeFiles(join(workspace.path, "other"), classFiles("", 5, names));
    const out = join(workspace.path, "out");
    const computing = ["--backend", "simd", "--workers", "1"];
    const plan = ["--model", "tiny", "--image-size", "24", "--arms", "no-gc,gc", "--epochs", "1"];
    const run = async (...args: string[]) => {
      const { code, stdout, stderr } = await workspace.run(args);
      assertEquals(code, 0, stderr);
      return stdout;
    };
    const split = ["--validation-split", "0.5"];
    const shown = await run("data", "--data", images, "--image-size", "24", ...split);
    assertStringIncludes(shown, "12 training and 12 test images of 24×24×3 (a 4 + 4, b 4 + 4, c 4 + 4)");
    await run("train", "--data", images, "--out", out, ...plan, ...split, ...computing);
    await run("train", "--resume", out, "--data", images, "--epochs", "2");
    const { dataset } = await workspace.report("out");
    assertEquals([dataset.train, dataset.test], [12, 12]);
    const evaluate = ["evaluate", "--run", out, ...computing, "--json"];
    const own = JSON.parse(await run(...evaluate, "--data", images));
    assertEquals(own.answers.length, 12);
    const whole = JSON.parse(await run(...evaluate, "--data", other));
    assertEquals(whole.answers.length, 15);
    assert(whole.answers.every(({ file }: { file: string }) => file.startsWith(other)));
    const refused = await workspace.run(["data", "--data", join(workspace.path, "images"), ...split]);
    assertEquals(refused.code, 2);
    assertStringIncludes(refused.stderr, "--validation-split is for data without test images");
  },
});
