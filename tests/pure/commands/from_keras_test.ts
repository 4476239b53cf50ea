import { assert, assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { zipSync } from "fflate";
import fc from "fast-check";
import hdf5 from "h5wasm";
import { join } from "node:path";
import { convertKeras } from "../../../coordinator/commands/from_keras.ts";
import { readInitWeights } from "../../../coordinator/commands/init_weights.ts";
import { readKerasNetwork } from "../../../coordinator/commands/keras_network.ts";
import { modelFiles } from "../../../coordinator/storage/model_files.ts";
import { EXIT_CODES, HerdError } from "../../../shared/errors.ts";
import { descriptionOf, modelOf, type ModelSpec, parameterCount, parameterTable } from "../../../shared/model.ts";
import { readModelFile } from "../../../shared/model_file.ts";
// As Keras 3.15 writes it: model.to_json() of a Sequential with every layer of the family.
import keras3 from "../../fixtures/keras3_sequential.json" with { type: "json" };
import { anyNetwork, weightsWithBiases } from "../../fixtures/networks.ts";
import { granted } from "../../fixtures/permissions.ts";

const ignore = !await granted("read", "write"); // writes files
const ODD = {
  blocks: [{ filters: 5 }, { filters: 7, dropout: 0.25 }, { filters: 6 }],
  dense: [{ units: 11, dropoutBefore: 0.5 }, { units: 9 }],
  output: { dropoutBefore: 0.1 },
};

interface Layer {
  class_name: string;
  config: Record<string, unknown>;
}
const LAYERS: readonly Layer[] = keras3.config.layers;

/** The layers with one changed, or moved behind another. */
function layersWith(name: string, change: (layer: Layer) => Layer | Layer[]): Layer[] {
  assert(LAYERS.some(({ config }) => config["name"] === name), name);
  return LAYERS.flatMap((layer) => layer.config["name"] === name ? change(layer) : [layer]);
}
const set = (name: string, config: Record<string, unknown>) =>
  layersWith(name, (layer) => ({ ...layer, config: { ...layer.config, ...config } }));
const without = (name: string) => layersWith(name, () => []);
const behind = (name: string, other: Layer) => layersWith(name, (layer) => [layer, other]);
const dropout = (rate: number): Layer => ({ class_name: "Dropout", config: { name: "extra", rate } });
const asModel = (layers: readonly Layer[]) => ({ class_name: "Sequential", config: { name: "model", layers } });

/** As Keras 2 wrote it: no modules, the input's shape in the first layer. */
function asKeras2(): unknown {
  const [, , first, ...rest] = LAYERS;
  const shape = { batch_input_shape: [null, 32, 32, 3], dtype: "float32" };
  const layers = [{ ...first!, config: { ...first!.config, ...shape } }, ...rest].map(({ class_name, config }) => ({
    class_name,
    config: { ...config, dtype: "float32" },
  }));
  return {
    class_name: "Sequential",
    config: { name: "sequential", layers },
    keras_version: "2.15.0",
    backend: "tensorflow",
  };
}

Deno.test("a Sequential is read alike from Keras 3, Keras 2, and TF.js' converter, down to its image size and notes", () => {
  const read = readKerasNetwork(keras3, "k3");
  assertEquals([read.description, read.imageSize, read.logits], [ODD, 32, 1]);
  assertEquals(read.notes, ["rescaling (Rescaling): Herd divides by 255 itself"]);
  assertEquals(read.trained.map(({ name }) => name), ["first", "conv2d", "conv2d_1", "dense", "dense_1", "dense_2"]);
  const note = "Images: without a Rescaling layer too, Herd's have values from 0 to 1";
  for (const json of [asKeras2(), { modelTopology: { keras_version: "2.15.0", model_config: asKeras2() } }]) {
    assertEquals(readKerasNetwork(json, "k2"), { ...read, notes: [note] });
  }
});

Deno.test("a dropout before Flatten is the one behind it; one that drops nothing is none; other first weights are told", () => {
  const before = behind("max_pooling2d_2", dropout(0.5)).filter(({ config: { name } }) => name !== "dropout_1");
  assertEquals(readKerasNetwork(asModel(before), "a").description, ODD);
  assertEquals(readKerasNetwork(asModel(behind("max_pooling2d", dropout(0))), "a").description, ODD);
  const he = { kernel_initializer: { class_name: "HeNormal", config: {} } };
  const { notes } = readKerasNetwork(asModel(set("dense", he)), "a");
  assertStringIncludes(notes.at(-1)!, "Herd begins with GlorotUniform, not HeNormal");
});

const REFUSED: readonly [layers: readonly Layer[], sentence: string][] = [
  [
    behind("max_pooling2d", dropout(0.5)),
    "extra (Dropout) stands behind MaxPooling2D, and Herd drops between ReLU and",
  ],
  [behind("dropout", dropout(0.5)), "extra (Dropout) is a second Dropout at its place"],
  [behind("dropout_1", dropout(0.5)), "extra (Dropout) is a second Dropout at its place"],
  [behind("rescaling", dropout(0.5)), "extra (Dropout) drops parts of the images"],
  [set("dropout", { rate: 1 }), "dropout (Dropout) has rate 1, and it must be a number from 0 to 0.99"],
  [set("dropout", { noise_shape: [1, 1] }), "dropout (Dropout) has noise_shape [1,1]"],
  [set("conv2d", { kernel_size: [5, 5] }), "conv2d (Conv2D) has kernel_size [5,5], and Herd computes with [3,3]"],
  [set("conv2d", { strides: [2, 2] }), "conv2d (Conv2D) has strides [2,2], and Herd computes with [1,1]"],
  [set("conv2d", { padding: "same" }), 'conv2d (Conv2D) has padding "same", and Herd computes with "valid"'],
  [set("conv2d", { dilation_rate: [2, 2] }), "conv2d (Conv2D) has dilation_rate [2,2]"],
  [set("conv2d", { groups: 7 }), "conv2d (Conv2D) has groups 7"],
  [set("conv2d", { use_bias: false }), "conv2d (Conv2D) has use_bias false"],
  [set("conv2d", { activation: "gelu" }), 'conv2d (Conv2D) has activation "gelu", and Herd computes with "relu"'],
  [set("conv2d", { activation: undefined }), 'conv2d (Conv2D) has activation none, and Herd computes with "relu"'],
  [set("conv2d", { trainable: false }), "conv2d (Conv2D) has trainable false"],
  [set("conv2d", { kernel_regularizer: { class_name: "L2" } }), "conv2d (Conv2D) has kernel_regularizer {"],
  [set("conv2d", { data_format: "channels_first" }), 'conv2d (Conv2D) has data_format "channels_first"'],
  [set("conv2d", { filters: 0 }), "conv2d (Conv2D) has filters 0, and it must be a whole number of at least 1"],
  [set("conv2d", { dtype: { config: { name: "mixed_float16" } } }), 'conv2d (Conv2D) has dtype "mixed_float16"'],
  [set("max_pooling2d", { pool_size: [3, 3] }), "max_pooling2d (MaxPooling2D) has pool_size [3,3]"],
  [set("max_pooling2d", { strides: [1, 1] }), "max_pooling2d (MaxPooling2D) has strides [1,1]"],
  [set("rescaling", { scale: 1 / 127.5, offset: -1 }), "rescaling (Rescaling) has offset -1, and Herd computes with 0"],
  [set("rescaling", { scale: 1 / 127.5 }), "rescaling (Rescaling) has scale 0.00784"],
  [
    set("input_layer", { batch_shape: [null, 32, 48, 3] }),
    "input_layer (InputLayer) takes images of shape [null,32,48,3]",
  ],
  [
    set("input_layer", { batch_shape: [null, 28, 28, 1] }),
    "input_layer (InputLayer) takes images of shape [null,28,28,1]",
  ],
  [set("dense", { activation: "tanh" }), 'dense (Dense) has activation "tanh", and Herd\'s hidden layers "relu"'],
  [set("dense_2", { units: 2, activation: "softmax" }), "dense_2 (Dense) is the last layer and has 2 units"],
  [set("dense_2", { activation: "softmax" }), 'dense_2 (Dense) has activation "softmax" as the last layer of 1 unit'],
  [set("dense_2", { units: 5 }), 'dense_2 (Dense) has activation "sigmoid" as the last layer of 5 units'],
  [without("max_pooling2d"), "conv2d (Conv2D) stands behind first (Conv2D)"],
  [without("flatten"), "dense (Dense) stands behind dropout_1 (Dropout), and in Herd's networks only behind Flatten"],
  [
    LAYERS.slice(0, LAYERS.findIndex(({ config }) => config["name"] === "dense")),
    "(Dropout) is the last layer, and Herd's is Dense",
  ],
  [behind("dense_2", { class_name: "Softmax", config: { name: "end" } }), "end (Softmax) is no layer of Herd's"],
  [
    behind("first", { class_name: "BatchNormalization", config: { name: "norm\x1b[2J" } }),
    "(BatchNormalization) is no layer of Herd's: it has InputLayer, Rescaling, Conv2D",
  ],
  [behind("rescaling", { class_name: "constructor", config: {} }), "constructor is no layer of Herd's"],
];

Deno.test("what Herd would compute otherwise is refused by the layer's name, in one sentence", () => {
  for (const [layers, sentence] of REFUSED) {
    const { code, message } = assertThrows(() => readKerasNetwork(asModel(layers), "a.json"), HerdError);
    assertEquals(
      [EXIT_CODES[code], /\p{Cc}/u.test(message), message.startsWith("a.json: ")],
      [3, false, true],
      message,
    );
    assertStringIncludes(message, sentence);
  }
  const others: readonly [json: unknown, sentence: string][] = [
    [{ ...keras3, class_name: "Functional" }, "a.json has a model of class Functional: only a Sequential can be read"],
    [{ config: [] }, "a.json does not describe a model of Keras or of TF.js"],
    [null, "a.json does not describe a model"],
    [asModel([]), "a.json does not describe a model"],
  ];
  for (const [json, sentence] of others) {
    assertStringIncludes(assertThrows(() => readKerasNetwork(json, "a.json"), HerdError).message, sentence);
  }
});

/** Calls with the path of a file in a folder of its own. */
async function inFolder(test: (at: (name: string) => string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "herd-test-" });
  try {
    await test((name) => join(folder, name));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** What Herd saves of any network, and of no hidden layer without ReLU, which a file cannot say. */
const anySaved: fc.Arbitrary<ModelSpec> = anyNetwork.map(({ layers, classes, ...rest }) => ({
  ...rest,
  classes: classes === 2 ? 3 : classes,
  layers: layers.map((layer, i) => {
    if (layer.kind === "conv") return layer;
    const isLast = i === layers.length - 1;
    const units = isLast && classes === 2 ? 3 : layer.units;
    return { ...layer, units, activation: isLast ? "none" as const : "relu" as const };
  }),
}));

Deno.test(
  "Herd's own model.json comes back as the same network, with the same bits of its weights",
  { ignore },
  async () => {
    await fc.assert(
      fc.asyncProperty(anySaved, async (spec) => {
        await inFolder(async (at) => {
          const weights = weightsWithBiases(spec, 1);
          const files = modelFiles(spec, weights, {});
          await Deno.writeFile(at("model.json"), files["model.json"]);
          await Deno.writeFile(at("weights.bin"), files["weights.bin"]);
          const lines = await convertKeras(at("model.json"), { to: at("net.json"), weights: at("net.safetensors") });
          assertStringIncludes(lines.at(-1)!, `--image-size ${spec.imageSize} --init-weights ${at("net.safetensors")}`);
          const taken = modelOf(await readModelFile(at("net.json")), spec.imageSize, Math.max(2, spec.classes));
          assertEquals(descriptionOf(taken), descriptionOf(spec));
          assertEquals(await readInitWeights(at("net.safetensors"), taken), weights);
        });
      }),
      { numRuns: 8 },
    );
  },
);

const SPEC = modelOf(ODD, 32, 2);
const WEIGHTS = weightsWithBiases(SPEC, 3);

/** A .keras file as Keras 3 writes one: layers are numbered by their class, whatever their names. */
async function kerasFile(
  change: (name: string, data: Float32Array) => Float32Array = (_, data) => data,
): Promise<Uint8Array> {
  const { FS } = await hdf5.ready;
  const file = new hdf5.File("made.h5", "w");
  const layers = file.create_group("layers");
  for (const { name, shape, offset, size } of parameterTable(SPEC)) {
    const [, kind, number, part] = /^(conv|dense)(\d)\.(kernel|bias)$/.exec(name)!;
    const group = `${kind === "conv" ? "conv2d" : "dense"}${number === "1" ? "" : `_${Number(number) - 1}`}`;
    if (part === "kernel") layers.create_group(group).create_group("vars");
    const data = change(name, WEIGHTS.slice(offset, offset + size));
    const at = file.get(`layers/${group}/vars`);
    assert(at instanceof hdf5.Group);
    at.create_dataset({ name: part === "kernel" ? "0" : "1", data, shape: [...shape], dtype: "<f" });
  }
  file.close();
  const config = new TextEncoder().encode(JSON.stringify(keras3));
  return zipSync({
    "metadata.json": new Uint8Array(),
    "config.json": config,
    "model.weights.h5": FS.readFile("made.h5"),
  });
}

Deno.test("the weights of a .keras file are found by the order of its layers", { ignore }, async () => {
  await inFolder(async (at) => {
    await Deno.writeFile(at("a.keras"), await kerasFile());
    await convertKeras(at("a.keras"), { to: at("net.json"), weights: at("net.safetensors") });
    assertEquals(await readModelFile(at("net.json")), ODD);
    assertEquals(await readInitWeights(at("net.safetensors"), SPEC), WEIGHTS);
  });
});

Deno.test(
  "weights that are missing, cut short, elsewhere, quantized or not finite are refused, and nothing is written",
  {
    ignore,
  },
  async () => {
    const model = JSON.parse(new TextDecoder().decode(modelFiles(SPEC, WEIGHTS, {})["model.json"]));
    const bytes = new Uint8Array(WEIGHTS.slice().buffer);
    const [group] = model.weightsManifest;
    const manifest = (change: Record<string, unknown>) => ({ ...model, weightsManifest: [{ ...group, ...change }] });
    const first = (change: Record<string, unknown>) => manifest({ weights: [{ ...group.weights[0], ...change }] });
    const cases: readonly [json: unknown, bytes: Uint8Array | undefined, sentence: string][] = [
      [model, undefined, "weights.bin, which cannot be read ("],
      [model, bytes.slice(0, -4), "names more weights than weights.bin hold"],
      [manifest({ paths: ["../weights.bin"] }), bytes, "names weights outside its folder (../weights.bin)"],
      [manifest({ paths: ["/etc/hostname"] }), bytes, "names weights outside its folder (/etc/hostname)"],
      [first({ quantization: { dtype: "uint8" } }), bytes, "has conv1/kernel quantized or as float32"],
      [first({ dtype: "float16" }), bytes, "has conv1/kernel quantized or as float16"],
      [first({}), bytes, "has none as bias of conv1, and its layers need float32 [5]"],
      [
        first({ shape: [3, 3, 5, 3] }),
        bytes,
        "has [3,3,5,3] as kernel of conv1, and its layers need float32 [3,3,3,5]",
      ],
      [model, new Uint8Array(bytes.length).fill(255), "has a kernel of conv1 that is not finite"],
      [keras3, undefined, "has no weights: leave --weights out"],
    ];
    for (const [json, weights, sentence] of cases) {
      await inFolder(async (at) => {
        await Deno.writeTextFile(at("model.json"), JSON.stringify(json));
        if (weights !== undefined) await Deno.writeFile(at("weights.bin"), weights);
        const wanted = { to: at("net.json"), weights: at("net.safetensors") };
        const { code, message } = await assertRejects(() => convertKeras(at("model.json"), wanted), HerdError);
        assertEquals([code, message.includes("\n")], ["data", false], message);
        assertStringIncludes(message, sentence);
        assertEquals([...Deno.readDirSync(at("."))].length, weights === undefined ? 1 : 2);
      });
    }
  },
);

Deno.test("files that are no model are refused, those of HDF5 with what Python makes of them", { ignore }, async () => {
  await inFolder(async (at) => {
    const bad: Readonly<Record<string, [content: Uint8Array, sentence: string]>> = {
      "a.json": [new TextEncoder().encode("<html>"), "cannot be read ("],
      "a.keras": [new TextEncoder().encode("<html>"), "cannot be read ("],
      "b.keras": [zipSync({ "config.json": new Uint8Array() }), "it is a zip without config.json and model.weights.h5"],
      "c.keras": [
        zipSync({ "config.json": new Uint8Array(9), "model.weights.h5": new Uint8Array(9) }),
        "cannot be read (",
      ],
      "a.h5": [
        new Uint8Array(9),
        'make a .keras file of it in Python (model = keras.models.load_model(FILE); model.save("',
      ],
      "a.weights.h5": [new Uint8Array(9), "in Python (model.load_weights(FILE); model.save("],
    };
    for (const [name, [content, sentence]] of Object.entries(bad)) {
      await Deno.writeFile(at(name), content);
      const attempt = () => convertKeras(at(name), { to: at("net.json"), weights: undefined });
      const { code, message } = await assertRejects(attempt, HerdError);
      assertEquals([code, message.includes("\n")], ["data", false], message);
      assertStringIncludes(message, sentence);
    }
    for (const to of [undefined, "net.txt"]) {
      const { code, message } = await assertRejects(
        () => convertKeras(at("a.json"), { to, weights: undefined }),
        HerdError,
      );
      assertEquals([code, message.startsWith("--to must be the name of a .json file: got ")], ["usage", true]);
    }
  });
  assertEquals(parameterCount(SPEC), 1239);
});
