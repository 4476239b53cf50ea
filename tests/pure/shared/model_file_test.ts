import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import { join } from "node:path";
import { canonicalJson, configHash } from "../../../shared/config.ts";
import { HerdError } from "../../../shared/errors.ts";
import {
  BUILT_IN,
  builtInModel,
  descriptionOf,
  leastImageSize,
  MODEL_NAMES,
  type ModelDescription,
  modelOf,
} from "../../../shared/model.ts";
import { flopsOf, refuseLargeModel } from "../../../shared/model_cost.ts";
import { readModelFile } from "../../../shared/model_file.ts";
import { modelSchemaText, SCHEMA_FILE } from "../../../shared/model_schema.ts";
import { ComputeConfigSchema, MOST } from "../../../shared/protocol.ts";
import * as v from "valibot";
import { granted } from "../../fixtures/permissions.ts";

const ignore = !await granted("read", "write"); // writes files
const GOOD = { blocks: [{ filters: 5 }, { filters: 7, dropout: 0.25 }], dense: [{ units: 3, dropoutBefore: 0.5 }] };

/** What a file of this content is read as. */
async function read(content: unknown): Promise<ModelDescription> {
  const folder = await Deno.makeTempDir({ prefix: "herd-test-" });
  try {
    const path = join(folder, "net.json");
    await Deno.writeTextFile(path, typeof content === "string" ? content : JSON.stringify(content));
    return await readModelFile(path);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const rate = fc.option(fc.constantFrom(0, 0.1, 0.5, 0.99), { nil: undefined });
const anyDescription: fc.Arbitrary<ModelDescription> = fc.record({
  blocks: fc.array(fc.record({ filters: fc.integer({ min: 1, max: MOST.width }), dropout: rate }), {
    minLength: 1,
    maxLength: 10,
  }),
  dense: fc.array(fc.record({ units: fc.integer({ min: 1, max: MOST.width }), dropoutBefore: rate }), {
    maxLength: 53,
  }),
  output: fc.option(fc.record({ dropoutBefore: rate }), { nil: undefined }),
});

Deno.test("a model file is read as it says, whatever it names as its schema", { ignore }, async () => {
  assertEquals(await read({ $schema: "./model.schema.json", ...GOOD }), GOOD);
  assertEquals(await read({ blocks: [{ filters: 1 }], dense: [] }), { blocks: [{ filters: 1 }], dense: [] });
});

Deno.test(
  "what a file may describe, a worker takes, and it can be told from the network again",
  { ignore },
  async () => {
    await fc.assert(
      fc.asyncProperty(anyDescription, fc.integer({ min: 2, max: 1000 }), async (description, classes) => {
        const taken = await read(description);
        const spec = modelOf(taken, leastImageSize(taken.blocks.length), classes);
        const compute = {
          dataset: "a",
          model: spec,
          batchSize: 1,
          microBatch: 1,
          compress: "none",
          compressGradients: false,
        };
        assertEquals(v.parse(ComputeConfigSchema, compute).model, spec);
        assertEquals(canonicalJson(modelOf(descriptionOf(spec), spec.imageSize, classes)), canonicalJson(spec));
      }),
      { numRuns: 50 },
    );
  },
);

Deno.test(
  "the built-in models are described too: as files they are the same networks, with the hashes they always had",
  {
    ignore,
  },
  async () => {
    for (const name of MODEL_NAMES) {
      const size = name === "tiny" ? 22 : 300;
      assertEquals(modelOf(await read(BUILT_IN[name]), size, 2), builtInModel(name, size));
    }
    const hash = (model: ReturnType<typeof builtInModel>) =>
      configHash({
        dataset: "c".repeat(64),
        model,
        batchSize: 128,
        microBatch: 8,
        compress: "none",
        compressGradients: false,
      });
    assertEquals(
      await hash(builtInModel("keras-example", 300)),
      "135ba43318dbb22c8d69b107df60898e2c9e37b46bef239fb98e133507bbdce6",
    );
    assertEquals(
      await hash(builtInModel("tiny", 32)),
      "0d2c7231a80776f5a3759f322f95aacacb3301b22105b9edfeccca13e14d6047",
    );
  },
);

const BAD: readonly [content: unknown, sentence: string][] = [
  ["", "it is not JSON ("],
  ["5", "the file is 5: it must be an object of blocks, dense, output"],
  [{}, "blocks is missing: it must be given"],
  [{ ...GOOD, blocks: [] }, "blocks is a list of 0: it must be a list of 1 to 10 objects"],
  [{ ...GOOD, blocks: Array(11).fill({ filters: 1 }) }, "blocks is a list of 11: it must be a list of 1 to 10 objects"],
  [{ ...GOOD, dense: Array(54).fill({ units: 1 }) }, "dense is a list of 54: it must be a list of 0 to 53 objects"],
  [{ blocks: GOOD.blocks }, "dense is missing: it must be given"],
  [
    { ...GOOD, blocks: [{ filters: 5 }, { filters: 0 }] },
    "blocks[1].filters is 0: it must be a whole number from 1 to",
  ],
  [{ ...GOOD, blocks: [{ filters: 1.5 }] }, "blocks[0].filters is 1.5: it must be a whole number from 1 to 65536"],
  [{ ...GOOD, blocks: [{ filters: "16" }] }, 'blocks[0].filters is "16": it must be a whole number from 1 to 65536'],
  [{ ...GOOD, blocks: [{ filters: 65537 }] }, "blocks[0].filters is 65537: it must be a whole number from 1 to 65536"],
  [{ ...GOOD, blocks: [{}] }, "blocks[0].filters is missing: it must be given"],
  [{ ...GOOD, blocks: [16] }, "blocks[0] is 16: it must be an object of filters, dropout"],
  [{ ...GOOD, blocks: [{ filters: 1, dropout: 1 }] }, "blocks[0].dropout is 1: it must be a number from 0 to 0.99"],
  [{ ...GOOD, blocks: [{ filters: 1, dropout: -0.1 }] }, "blocks[0].dropout is -0.1: it must be a number from 0"],
  [
    { ...GOOD, blocks: [{ filters: 1, droput: 0.5 }] },
    "blocks[0].droput is nothing that Herd knows: did you mean dropout?",
  ],
  [
    { ...GOOD, blocks: [{ filters: 1, kernel: 5 }] },
    "blocks[0].kernel is nothing that Herd knows: use filters, dropout",
  ],
  [{ ...GOOD, dense: [{ units: null }] }, "dense[0].units is null: it must be a whole number from 1 to 65536"],
  [{ ...GOOD, output: { units: 3 } }, "output.units is nothing that Herd knows: use dropoutBefore"],
  [{ ...GOOD, "\x1b[2J": 1 }, "is nothing that Herd knows: use blocks, dense, output"],
  [{ ...GOOD, $schema: "y".repeat(70_000) }, "bytes, and may have 65536"],
];

Deno.test(
  "a bad model file is refused in a sentence with the place, the value and what is allowed",
  { ignore },
  async () => {
    for (const [content, sentence] of BAD) {
      const { code, message } = await assertRejects(() => read(content), HerdError);
      assertEquals([code, /\p{Cc}/u.test(message)], ["usage", false], message);
      assert(/^--model \S+net\.json: /.test(message), message);
      assertStringIncludes(message, sentence);
    }
    for (const path of ["/nowhere/net.json", "."]) {
      const { code, message } = await assertRejects(() => readModelFile(path), HerdError);
      assertEquals([code, message.includes(`--model ${path}: it cannot be read (`)], ["usage", true], message);
    }
  },
);

Deno.test("model.schema.json is the schema by which files are checked", { ignore }, async () => {
  assertEquals(await Deno.readTextFile(SCHEMA_FILE), modelSchemaText(), "deno task build:schema writes it");
  const { $schema, properties, required, additionalProperties } = JSON.parse(modelSchemaText());
  assertEquals($schema, "https://json-schema.org/draft/2020-12/schema");
  assertEquals([Object.keys(properties), required], [["$schema", "blocks", "dense", "output"], ["blocks", "dense"]]);
  assertEquals([additionalProperties, properties.blocks.items.required], [false, ["filters"]]);
});

Deno.test("operations are those of the products: by hand for a small network, back without the images' gradient", () => {
  // 4 px: conv 2×2 out of 3×3×3 for 5 filters; dense 5 → 7 → 1.
  const spec = modelOf({ blocks: [{ filters: 5, dropout: 0.5 }], dense: [{ units: 7 }] }, 4, 2);
  const [conv, dense, output] = [2 * 4 * 27 * 5, 2 * 5 * 7, 2 * 7];
  assertEquals(flopsOf(spec), {
    layers: [conv, 0, 0, 0, dense, output],
    forward: conv + dense + output,
    training: 2 * conv + 3 * (dense + output),
  });
});

Deno.test("a network whose weights no frame can carry is refused, one at the edge is not", () => {
  const wide = (units: number) => modelOf({ blocks: [{ filters: 1 }], dense: [{ units: 65536 }, { units }] }, 4, 2);
  refuseLargeModel("wide", wide(2045));
  try {
    refuseLargeModel("wide", wide(2046));
  } catch (error) {
    assert(error instanceof HerdError && error.code === "usage");
    assertStringIncludes(error.message, "--model wide has 134,221,849 parameters of 513 MiB, and the most is 512");
    return;
  }
  throw new Error("it was taken");
});
