import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import { identityOf } from "../../../coordinator/commands/identity.ts";
import { readInitWeights } from "../../../coordinator/commands/init_weights.ts";
import type { RunData } from "../../../coordinator/commands/run_data.ts";
import { DEFAULT_SETTINGS } from "../../../coordinator/commands/settings.ts";
import { weightsHash } from "../../../coordinator/experiment/mod.ts";
import { modelFiles } from "../../../coordinator/storage/model_files.ts";
import { EXIT_CODES, HerdError } from "../../../shared/errors.ts";
import { builtInModel, parameterCount } from "../../../shared/model.ts";
import { decodeSafetensors, encodeSafetensors, type TensorFile } from "../../../shared/safetensors.ts";
import { DATASET } from "../../fixtures/events.ts";
import { granted } from "../../fixtures/permissions.ts";

const ignore = !await granted("read", "write"); // writes files
const MODEL = builtInModel("tiny", 22);
const WEIGHTS = Float32Array.from({ length: parameterCount(MODEL) }, (_, i) => Math.sin(i));
const FILE = modelFiles(MODEL, WEIGHTS, { model: "gc-0" })["weights.safetensors"];

async function withFile(content: Uint8Array, test: (path: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "herd-test-" });
  try {
    const path = join(folder, "weights.safetensors");
    await Deno.writeFile(path, content);
    await test(path);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

type Tensors = Record<string, TensorFile["tensors"][string]>;

/** The file with other tensors. */
function changed(change: (tensors: Tensors) => void): Uint8Array {
  const { tensors, metadata } = decodeSafetensors(FILE);
  const copy = { ...tensors };
  change(copy);
  return encodeSafetensors({ tensors: copy, metadata });
}

Deno.test(
  "readInitWeights() reads the weights of a model back as they were, whatever else the file says",
  { ignore },
  async () => {
    await withFile(FILE, async (path) => assertEquals(await readInitWeights(path, MODEL), WEIGHTS));
    // Tensors are found by name, not by place.
    const turned = (tensors: Tensors) => {
      const entries = Object.entries(tensors).reverse();
      for (const [name] of entries) delete tensors[name];
      Object.assign(tensors, Object.fromEntries(entries));
    };
    await withFile(changed(turned), async (path) => assertEquals(await readInitWeights(path, MODEL), WEIGHTS));
  },
);

const BAD: Readonly<Record<string, readonly [Uint8Array, sentence: string]>> = {
  "an empty file": [new Uint8Array(), "cannot be read ("],
  "a file of something else": [new TextEncoder().encode("<html>not found</html>"), "cannot be read ("],
  "a file cut short": [FILE.slice(0, -4), "cannot be read ("],
  "a tensor too few": [
    changed((tensors) => delete tensors["dense2.bias"]),
    'has none as "dense2.bias", and this network needs float32 [1]',
  ],
  "a tensor too many": [
    changed((tensors) => tensors["conv9.kernel"] = tensors["conv1.kernel"]!),
    'has a tensor "conv9.kernel", which this network does not have',
  ],
  "another shape": [
    changed((tensors) => tensors["conv1.bias"] = { shape: [2, 2], data: new Float32Array(4) }),
    'has [2,2] as "conv1.bias", and this network needs float32 [4]',
  ],
  "whole numbers": [
    changed((tensors) => tensors["conv1.bias"] = { shape: [4], data: new Int32Array(4) as never }),
    'as "conv1.bias", and this network needs float32 [4]',
  ],
  "a weight that is not finite": [
    changed((tensors) => tensors["conv1.bias"] = { shape: [4], data: Float32Array.of(0, NaN, 0, 0) }),
    "has a weight that is not finite",
  ],
};

async function refusal(path: string, model = MODEL): Promise<string> {
  const error = await assertRejects(() => readInitWeights(path, model), HerdError);
  assertEquals(EXIT_CODES[error.code], 3, error.message);
  assert(error.message.startsWith(`--init-weights ${path} `), error.message);
  assert(!error.message.includes("\n"), error.message);
  assertStringIncludes(error.message, ": give the weights.safetensors of a model like this one");
  return error.message;
}

Deno.test("readInitWeights() refuses each kind of bad file in one sentence, with exit 3", { ignore }, async () => {
  for (const [name, [content, sentence]] of Object.entries(BAD)) {
    await withFile(content, async (path) => assertStringIncludes(await refusal(path), sentence, name));
  }
  await withFile(FILE, async (path) => {
    const other = await refusal(path, builtInModel("keras-example", 300));
    assertStringIncludes(other, 'has [3,3,3,4] as "conv1.kernel", and this network needs float32 [3,3,3,');
    assertStringIncludes(await refusal(`${path}-missing`), "cannot be read (");
    assertStringIncludes(await refusal(join(path, "below")), "cannot be read (");
    assertStringIncludes(await refusal(join(path, "..")), "is not a file");
  });
});

Deno.test(
  "a run that begins with given weights is known by their hash, and all its seeds begin with them",
  { ignore },
  async () => {
    const none = { train: new Uint32Array(), test: new Uint32Array() };
    const labels = { train: new Uint8Array(), test: new Uint8Array() };
    const data: RunData = { path: "", info: DATASET.info, ids: none, labels };
    const settings = { ...DEFAULT_SETTINGS, model: "tiny", imageSize: 22 } as const;
    await withFile(FILE, async (path) => {
      const { identity, initWeights } = await identityOf({ ...settings, initWeights: path }, data);
      assertEquals(identity.numeric.initWeights, await weightsHash(WEIGHTS));
      assertEquals(initWeights, WEIGHTS);
    });
    assertEquals((await identityOf(settings, data)).identity.numeric.initWeights, null);
  },
);
