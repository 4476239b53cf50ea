// A network from a file, in real processes: trained, gone on with after the file is gone, and read back from what the run leaves.
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import { readInitWeights } from "../../../coordinator/commands/init_weights.ts";
import { modelOf } from "../../../shared/model.ts";
import { readModelFile } from "../../../shared/model_file.ts";
import { Workspace } from "../../fixtures/herd.ts";
import { granted } from "../../fixtures/permissions.ts";

const ignore = !await granted("run", "read", "write", "net", "env"); // real processes
const ODD = {
  blocks: [{ filters: 5 }, { filters: 7, dropout: 0.25 }, { filters: 6 }],
  dense: [{ units: 11, dropoutBefore: 0.5 }, { units: 9 }],
};

Deno.test({
  name:
    "train --model FILE.json: resumed without the file it is the uninterrupted run, and --from-keras reads its model back",
  ignore,
  async fn() {
    await using workspace = await Workspace.create();
    const at = (...names: string[]) => join(workspace.path, ...names);
    const run = async (...args: string[]) => {
      const { code, stdout, stderr } = await workspace.run(args);
      assertEquals(code, 0, stderr);
      return stdout;
    };
    await Deno.writeTextFile(at("odd.json"), JSON.stringify(ODD));
    const flags = ["--model", at("odd.json"), "--backend", "simd", "--workers", "2"];
    await run(...workspace.train("whole", ...flags, "--epochs", "2"));
    const said = await run(...workspace.train("parts", ...flags));
    assertStringIncludes(said, "Model   odd: 1,041 parameters, 12 layers, images of 24 × 24 px");
    assertStringIncludes(said, "an image of a training step; a worker of simd needs ");
    await Deno.remove(at("odd.json"));
    await run("train", "--resume", at("parts"), "--data", at("images"), "--epochs", "2");
    const [parts, whole] = [await workspace.report("parts"), await workspace.report("whole")];
    assert(parts.complete && parts.bitIdentical);
    assertEquals(parts.model, { name: "odd", parameters: 1041 });
    assertEquals(parts.arms.map(({ weightsSha256 }) => weightsSha256), whole.arms.map((arm) => arm.weightsSha256));
    const spec = modelOf(ODD, 24, 2);
    const config = JSON.parse(await Deno.readTextFile(at("parts", "config.json")));
    assertEquals(config.numeric.compute.model, spec);

    const model = at("parts", "models", "gc-0");
    const to = ["--to", at("back.json"), "--weights", at("back.safetensors")];
    assertStringIncludes(await run("model", "--from-keras", join(model, "model.json"), ...to), "1,041 weights");
    assertEquals(await readModelFile(at("back.json")), ODD);
    const [back, saved] = [at("back.safetensors"), join(model, "weights.safetensors")];
    assertEquals(await readInitWeights(back, spec), await readInitWeights(saved, spec));
    const { code, stderr } = await workspace.run(
      workspace.train("none", "--model", at("back.json"), "--image-size", "21"),
    );
    assertEquals([code, stderr], [2, "error: --image-size 21 is too small for back: use 22 or more\n"]);
  },
});
