// A trained model in the two formats that others read: safetensors, and a TF.js layers model that tf.loadLayersModel opens
// (the topology of tfjs-layers, as Keras writes it).
import { layerShapes, type ModelSpec, parameterTable } from "../../shared/model.ts";
import { encodeSafetensors } from "../../shared/safetensors.ts";

/** The files of a model by name. */
export type ModelFiles = Readonly<
  Record<"weights.safetensors" | "model.json" | "weights.bin", Uint8Array<ArrayBuffer>>
>;

/**
 * @param weights flat float32 weights
 * @param metadata goes into the safetensors header
 */
export function modelFiles(
  spec: ModelSpec,
  weights: Float32Array,
  metadata: Readonly<Record<string, string>>,
): ModelFiles {
  const table = parameterTable(spec);
  const tensors = Object.fromEntries(
    table.map(({ name, shape, offset, size }) => [name, { shape, data: weights.subarray(offset, offset + size) }]),
  );
  const manifest = table.map(({ name, shape }) => ({ name: name.replace(".", "/"), shape, dtype: "float32" }));
  const layersModel = {
    format: "layers-model",
    generatedBy: "Herd",
    convertedBy: null,
    modelTopology: {
      class_name: "Sequential",
      config: { name: "herd", layers: topology(spec) },
      keras_version: "tfjs-layers 4.22.0",
      backend: "tensor_flow.js",
    },
    weightsManifest: [{ paths: ["weights.bin"], weights: manifest }],
  };
  return {
    "weights.safetensors": encodeSafetensors({ tensors, metadata }),
    "model.json": new TextEncoder().encode(JSON.stringify(layersModel)),
    "weights.bin": new Uint8Array(weights.slice().buffer),
  };
}

function topology(spec: ModelSpec): unknown[] {
  const layers: { class_name: string; config: Record<string, unknown> }[] = [];
  const counts = new Map<string, number>();
  const number = (kind: string) => {
    const count = (counts.get(kind) ?? 0) + 1;
    counts.set(kind, count);
    return `${kind}${count}`;
  };
  const dropout = (rate: number) => {
    if (rate > 0) layers.push({ class_name: "Dropout", config: { name: number("dropout"), rate } });
  };
  for (const shape of layerShapes(spec)) {
    if (shape.kind === "conv") {
      const name = number("conv");
      layers.push({
        class_name: "Conv2D",
        config: {
          name,
          filters: shape.filters,
          kernel_size: [3, 3],
          strides: [1, 1],
          padding: "valid",
          data_format: "channels_last",
          activation: "relu",
          use_bias: true,
        },
      });
      dropout(shape.dropout);
      const pool = { name: number("pool"), pool_size: [2, 2], strides: [2, 2], padding: "valid" };
      layers.push({ class_name: "MaxPooling2D", config: { ...pool, data_format: "channels_last" } });
      continue;
    }
    if (!counts.has("dense")) layers.push({ class_name: "Flatten", config: { name: "flatten" } });
    dropout(shape.dropoutBefore);
    const output = spec.classes === 1 ? "sigmoid" : "softmax";
    layers.push({
      class_name: "Dense",
      config: {
        name: number("dense"),
        units: shape.units,
        activation: shape.layer === spec.layers.length - 1 ? output : shape.relu ? "relu" : "linear",
        use_bias: true,
      },
    });
  }
  const input = { batch_input_shape: [null, spec.imageSize, spec.imageSize, spec.channels], dtype: "float32" };
  Object.assign(layers[0]!.config, input);
  return layers;
}
