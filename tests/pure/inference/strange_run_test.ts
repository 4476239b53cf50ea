import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import { readSavedModel } from "../../../coordinator/inference/saved_model.ts";
import { readModelWeights } from "../../../coordinator/storage/model_weights.ts";
import { HerdError } from "../../../shared/errors.ts";
import { builtInModel, type ModelSpec } from "../../../shared/model.ts";
import { numericConfig } from "../../fixtures/numeric_config.ts";
import { granted } from "../../fixtures/permissions.ts";

const ignore = !await granted("read", "write"); // writes files
const MODEL = builtInModel("tiny", 22, 3);
const NUMERIC = numericConfig(MODEL);

/** A run's folder with nothing but its config.json. */
async function refusal(
  { classes = ["a", "b", "c"], compute = {}, size }: {
    readonly classes?: readonly string[];
    readonly compute?: object;
    readonly size?: number;
  },
): Promise<string> {
  const run = await Deno.makeTempDir({ prefix: "herd-test-" });
  try {
    const path = join(run, "config.json");
    const numeric = { ...NUMERIC, compute: { ...NUMERIC.compute, ...compute } };
    await Deno.writeTextFile(path, JSON.stringify({ told: { data: "x" }, numeric, dataset: { classes } }));
    if (size !== undefined) await Deno.truncate(path, size);
    const error = await assertRejects(() => readSavedModel({ run, arm: undefined, seed: undefined }), HerdError);
    assertEquals(error.code, "data");
    return error.message;
  } finally {
    await Deno.remove(run, { recursive: true });
  }
}

Deno.test(
  "a run's folder whose network does not fit its classes, or is none of Herd's, is refused",
  { ignore },
  async () => {
    // What is refused then is that there is no report.
    assertStringIncludes(await refusal({}), "Cannot read ");
    const model = (change: Partial<ModelSpec>) => ({ compute: { model: { ...MODEL, ...change } } });
    const strange = [
      { classes: ["a", "b"] },
      { classes: ["a", "b", "c", "d"] },
      { compute: { microBatch: 0 } },
      model({ imageSize: 0 }),
      model({ imageSize: 21 }),
      model({ layers: [] }),
      model({ layers: MODEL.layers.toReversed() }),
      model({ layers: MODEL.layers.slice(0, -1) }),
    ];
    for (const one of strange) {
      assertStringIncludes(await refusal(one), "does not describe a network of Herd's for the", JSON.stringify(one));
    }
  },
);

Deno.test("a config or weights too large to be a run's are not read", { ignore }, async () => {
  // Larger than what is looked at, smaller than a text may be: only the limit refuses it.
  assertStringIncludes(await refusal({ size: 257 * 1024 * 1024 }), "it has 269484032 bytes, and a config at most");
  const path = await Deno.makeTempFile({ prefix: "herd-test-" });
  try {
    await Deno.truncate(path, 40 * 1024 * 1024);
    const read = () => readModelWeights(path, MODEL, { what: "X", remedy: "Y" });
    const error = await assertRejects(read, HerdError);
    assertStringIncludes(error.message, "X has 41943040 bytes, and this network's weights at most");
  } finally {
    await Deno.remove(path);
  }
});
