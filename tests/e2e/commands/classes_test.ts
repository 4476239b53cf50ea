import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import type { Report } from "../../../coordinator/mod.ts";
import { png } from "../../fixtures/data_files.ts";
import { Workspace } from "../../fixtures/herd.ts";
import { granted } from "../../fixtures/permissions.ts";

const ignore = !await granted("run", "read", "write", "net", "env"); // real processes

/** In the order of labels, with their training images. */
const CLASSES = { ant: 10, bee: 6, cow: 3 };
const TESTED = 3;

/** Three class folders of unequal size. */
async function writeImages(folder: string): Promise<void> {
  for (const [label, [name, train]] of Object.entries(CLASSES).entries()) {
    for (const [split, count] of [["train", train], ["test", TESTED]] as const) {
      await Deno.mkdir(join(folder, split, name), { recursive: true });
      for (let i = 0; i < count; i++) {
        const seed = 1000 * label + 10 * i + split.length;
        await Deno.writeFile(join(folder, split, name, `${i}.png`), png(seed, { width: 24, height: 24, channels: 3 }));
      }
    }
  }
}

Deno.test({
  name: "train: three classes with balanced weights have the same weights with 1 worker, and with 2 and a resumption",
  ignore,
  async fn() {
    await using workspace = await Workspace.create();
    const images = join(workspace.path, "three");
    await writeImages(images);
    const train = (out: string, ...more: string[]) => [
      ...["train", "--data", images, "--out", join(workspace.path, out), "--model", "tiny", "--image-size", "24"],
      ...["--backend", "simd", "--batch-size", "8", "--micro-batch", "2", ...more],
    ];
    const run = async (args: readonly string[]) => {
      const { code, stdout, stderr } = await workspace.run(args);
      assertEquals(code, 0, stderr);
      return stdout;
    };
    const text = await run(train("alone", "--workers", "1", "--epochs", "2", "--class-weights", "balanced"));
    await run(train("two", "--workers", "2", "--epochs", "1", "--class-weights", "balanced"));
    await run(["train", "--resume", join(workspace.path, "two"), "--data", images, "--workers", "2", "--epochs", "2"]);
    await run(train("unweighted", "--workers", "1", "--epochs", "1", "--arms", "no-gc"));
    const [alone, two] = [await workspace.report("alone"), await workspace.report("two")];
    const unweighted = await workspace.report("unweighted");
    assertEquals(unweighted.plan.classWeights, null);
    assert(unweighted.arms[0]!.epochs[0]!.loss !== alone.arms[0]!.epochs[0]!.loss, "the workers have the weights");
    const bits = ({ arms }: Report) =>
      arms.map(({ weightsSha256, confusion, epochs }) => [
        weightsSha256,
        confusion,
        epochs.map(({ loss, testLoss, testAuc }) => [loss, testLoss, testAuc]),
      ]);
    assertEquals(bits(two), bits(alone));
    assertEquals(new Set(alone.arms.map(({ weightsSha256 }) => weightsSha256)).size, 2);
    assert(two.complete && two.bitIdentical);

    assertEquals(alone.dataset.classNames, Object.keys(CLASSES));
    assertEquals(alone.dataset.classes, { ant: [10, 3], bee: [6, 3], cow: [3, 3] });
    assertEquals(alone.plan.classWeights, [10, 6, 3].map((count) => Math.fround(19 / (3 * count))));
    for (const { confusion, epochs } of alone.arms) {
      assertEquals(confusion!.map((row) => row.reduce((a, b) => a + b, 0)), [TESTED, TESTED, TESTED]);
      const right = confusion!.reduce((sum, row, label) => sum + row[label]!, 0);
      assertEquals(right / (3 * TESTED), epochs.at(-1)!.testAccuracy);
      assert(epochs.every(({ testAuc }) => testAuc !== null));
    }
    assertStringIncludes(text, "as ant  as bee  as cow");
    assertStringIncludes(text, "Verdict (macro test AUC)");
    const predictions = await Deno.readTextFile(join(workspace.path, "two", "predictions.csv"));
    assertStringIncludes(predictions, "test_image,class,no-gc-0/ant,no-gc-0/bee,no-gc-0/cow,gc-0/ant");
    const model = JSON.parse(await Deno.readTextFile(join(workspace.path, "two", "models", "gc-0", "model.json")));
    const { units, activation } = model.modelTopology.config.layers.at(-1).config;
    assertEquals([units, activation], [3, "softmax"]);
  },
});
