import { assertEquals, assertStringIncludes } from "@std/assert";
import {
  AGAIN_ON_RESUME,
  DEFAULT_SETTINGS,
  FREE_ON_RESUME,
  trainFlags,
} from "../../../coordinator/commands/settings.ts";
import type { Flags } from "../../../shared/cli/flags.ts";
import { granted } from "../../fixtures/permissions.ts";

const FLAGS: Flags = trainFlags;

Deno.test("every flag of train says what --resume makes of it", () => {
  for (const [name, { kept }] of Object.entries(FLAGS)) assertEquals(kept !== undefined, true, `--${name}`);
});

Deno.test("what changes bits is fixed on resume", () => {
  // What the numeric config is made from, in coordinator/commands/identity.ts.
  // The data set is there by its hash, wherever its images are now.
  const numeric = "batch-size micro-batch learning-rate optimizer momentum nesterov gc-scope gc-scale model image-size";
  const plan = "control protocol seed arms";
  for (const name of [...numeric.split(" "), ...plan.split(" "), "limit", "compress", "compress-gradients"]) {
    assertEquals(FLAGS[name]?.kept, "bits", name);
  }
});

Deno.test("what starts programs, opens paths or lets others in must be given again on resume", () => {
  const dangerous = Object.keys(FLAGS).filter((name) => /^(FILE|SET|WHERE|HOST:PORT)$/.test(FLAGS[name]!.value ?? ""));
  assertEquals(AGAIN_ON_RESUME.toSorted(), [...dangerous, "insecure", "verify"].toSorted());
});

Deno.test("the defaults are those of the Keras example", () => {
  const { epochs, batchSize, learningRate, momentum, arms, model, imageSize } = DEFAULT_SETTINGS;
  assertEquals([epochs, batchSize, learningRate, momentum, imageSize], [10, 128, [1e-4], 0, 300]);
  assertEquals([arms, model], [["no-gc", "gc"], "keras-example"]);
  const { optimizer, nesterov, gcScope, gcScale, seeds, control, protocol, primary } = DEFAULT_SETTINGS;
  assertEquals([optimizer, nesterov, gcScope, gcScale], ["rmsprop", false, "all", 1]);
  assertEquals([seeds, control, protocol, primary], [1, false, "fair", "testAuc"]);
});

Deno.test({
  name: "the page about resuming lists the flags that are free, and those to be given again, as they are declared",
  ignore: !await granted("read"),
  async fn() {
    const page = await Deno.readTextFile(new URL("../../../coordinator/storage/README.md", import.meta.url));
    for (const names of [FREE_ON_RESUME, AGAIN_ON_RESUME]) {
      assertStringIncludes(page, `-->\n${names.map((name) => `\`--${name}\``).join(", ")}\n<!--`);
    }
  },
});
