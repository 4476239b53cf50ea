// Models of somebody else: a few bytes that say that they are gigabytes, and paths that lead elsewhere.
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { zipSync } from "fflate";
import hdf5, { type Group } from "h5wasm";
import { join } from "node:path";
import { convertKeras } from "../../../coordinator/commands/from_keras.ts";
import { modelFiles } from "../../../coordinator/storage/model_files.ts";
import { HerdError } from "../../../shared/errors.ts";
import { builtInModel, parameterCount } from "../../../shared/model.ts";
import keras3 from "../../fixtures/keras3_sequential.json" with { type: "json" };
import { granted } from "../../fixtures/permissions.ts";

const ignore = !await granted("read", "write"); // writes files

async function inFolder(test: (at: (name: string) => string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "herd-test-" });
  try {
    await test((name) => join(folder, name));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function refusal(from: string, at: (name: string) => string): Promise<string> {
  const wanted = { to: at("net.json"), weights: at("net.safetensors") };
  const { code, message } = await assertRejects(() => convertKeras(from, wanted), HerdError);
  assertEquals([code, message.includes("\n")], ["data", false], message);
  return message;
}

/** A .keras file of the example network whose first kernel is this data set. */
async function kerasFile(
  fill: (vars: Group) => void,
  change = (bytes: Uint8Array) => bytes,
): Promise<Uint8Array> {
  const { FS } = await hdf5.ready;
  const file = new hdf5.File("strange.h5", "w");
  fill(file.create_group("layers").create_group("conv2d").create_group("vars"));
  file.close();
  const config = new TextEncoder().encode(JSON.stringify(keras3));
  return zipSync({ "config.json": config, "model.weights.h5": change(FS.readFile("strange.h5")) });
}

Deno.test("a .keras file whose weights are huge, compressed or no HDF5 is refused", { ignore }, async () => {
  const huge = await kerasFile((vars) => {
    const options = { name: "0", data: new Float32Array(4), shape: [4], maxshape: [null], chunks: [4], dtype: "<f" };
    vars.create_dataset(options);
    const made = vars.get("0");
    assert(made instanceof hdf5.Dataset);
    made.resize([1e9]);
  });
  const compressed = await kerasFile((vars) => {
    const [shape, data] = [[3, 3, 3, 5], new Float32Array(135)];
    vars.create_dataset({ name: "0", data, shape, chunks: shape, dtype: "<f", compression: 9 });
  });
  const text = await kerasFile(() => {}, (bytes) => bytes.fill(0x20));
  for (
    const [file, sentence] of [
      [huge, "has [1000000000] as kernel of first, and its layers need float32 [3,3,3,5]"],
      [compressed, "has a kernel of first that cannot be read (it is compressed within HDF5)"],
      [text, "its model.weights.h5 is no HDF5 file"],
    ] as const
  ) {
    await inFolder(async (at) => {
      await Deno.writeFile(at("a.keras"), file);
      assertStringIncludes(await refusal(at("a.keras"), at), sentence);
    });
  }
});

Deno.test("shards behind a link, shards larger than any network, and a model.json of gigabytes are not read", {
  ignore,
}, async () => {
  const spec = builtInModel("tiny", 22);
  const files = modelFiles(spec, new Float32Array(parameterCount(spec)), {});
  const model = JSON.parse(new TextDecoder().decode(files["model.json"]));
  const [group] = model.weightsManifest;
  await inFolder(async (at) => {
    await Deno.mkdir(at("mine"));
    await Deno.mkdir(at("theirs"));
    await Deno.writeFile(at("mine/weights.bin"), files["weights.bin"]);
    const from = at("theirs/model.json");
    const write = (paths: string[]) =>
      Deno.writeTextFile(from, JSON.stringify({ ...model, weightsManifest: [{ ...group, paths }] }));
    await Deno.symlink(at("mine"), at("theirs/sub"));
    await write(["sub/weights.bin"]);
    assertStringIncludes(await refusal(from, at), "names weights outside its folder (sub/weights.bin)");
    await Deno.truncate(at("mine/weights.bin"), 200 * 2 ** 20);
    await Deno.rename(at("mine/weights.bin"), at("theirs/weights.bin"));
    await write(["weights.bin", "weights.bin", "weights.bin"]);
    assertStringIncludes(await refusal(from, at), "with it they have more than 536870912 bytes");
    await Deno.truncate(from, 65 * 2 ** 20);
    assertStringIncludes(await refusal(from, at), "it has 68157440 bytes, and the most is 67108864");
  });
});
