// A trained model in the two formats that others read: safetensors, and a TF.js layers model that tf.loadLayersModel opens
// (the topology of tfjs-layers, as Keras writes it).
import { type KerasLayer, kerasLayers, type ModelSpec, parameterTable } from "../../shared/model.ts";
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
    "model.json": new TextEncoder().encode(JSON.stringify(layersModel)),
    "weights.bin": new Uint8Array(weights.slice().buffer),
    // Written last: by its hash a model is known to be whole.
    "weights.safetensors": encodeSafetensors({ tensors, metadata }),
  };
}

/** Activations are in their layers, as Keras writes them; the last one turns logits into probabilities. */
function topology(spec: ModelSpec): unknown[] {
  const layers = kerasLayers(spec);
  const input = { batch_input_shape: [null, spec.imageSize, spec.imageSize, spec.channels], dtype: "float32" };
  const output = spec.classes === 1 ? "sigmoid" : "softmax";
  return layers.map((layer, i) => {
    const { class_name, config } = topologyOf(layer);
    const first = i === 0 ? input : {};
    const last = i === layers.length - 1 ? { activation: output } : {};
    return { class_name, config: { name: layer.name, ...config, ...last, ...first } };
  });
}

function topologyOf(layer: KerasLayer): { readonly class_name: string; readonly config: Record<string, unknown> } {
  switch (layer.kind) {
    case "conv": {
      const { filters } = layer;
      const window = { kernel_size: [3, 3], strides: [1, 1], padding: "valid", data_format: "channels_last" };
      return { class_name: "Conv2D", config: { filters, ...window, activation: "relu", use_bias: true } };
    }
    case "dropout":
      return { class_name: "Dropout", config: { rate: layer.rate } };
    case "pool": {
      const window = { pool_size: [2, 2], strides: [2, 2], padding: "valid", data_format: "channels_last" };
      return { class_name: "MaxPooling2D", config: window };
    }
    case "flatten":
      return { class_name: "Flatten", config: {} };
    case "dense": {
      const { units, relu } = layer;
      return { class_name: "Dense", config: { units, activation: relu ? "relu" : "linear", use_bias: true } };
    }
  }
}
