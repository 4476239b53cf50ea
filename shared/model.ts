// A network's shapes and its flat layout, derived from the spec by arithmetic, so both sides compute the same ones.
import type { ModelSpec } from "./model_description.ts";

export {
  BUILT_IN,
  builtInModel,
  descriptionOf,
  type LayerSpec,
  leastImageSize,
  logitsOf,
  MODEL_NAMES,
  type ModelDescription,
  type ModelName,
  modelOf,
  type ModelSpec,
  refuseSmallImages,
} from "./model_description.ts";

/** One parameter tensor: a view of the flat array. */
export interface Parameter {
  /** LAYER.kernel or LAYER.bias, as {@linkcode kerasLayers} names the layers. */
  readonly name: string;
  /** [3, 3, in, out] or [in, out] of a kernel, [out] of a bias. */
  readonly shape: readonly number[];
  /** In float32 values from the beginning of the flat array. */
  readonly offset: number;
  /** In float32 values. */
  readonly size: number;
}

/** The shapes of one conv block, in pixels and channels. */
export interface ConvShape {
  /** Tells the kinds of layers apart. */
  readonly kind: "conv";
  /** Index in the spec's list: the `layer` word of random counters. */
  readonly layer: number;
  /** Side of the input in pixels. */
  readonly inputSize: number;
  /** Channels of the input. */
  readonly inputChannels: number;
  /** Side of the convolution's output, before pooling: inputSize − 2. */
  readonly convSize: number;
  /** Side of the block's output: floor(convSize / 2). */
  readonly outputSize: number;
  /** Channels of the output. */
  readonly filters: number;
  /** Rate of the dropout before pooling; 0 for none. */
  readonly dropout: number;
}

/** The shapes of one dense layer. */
export interface DenseShape {
  /** Tells the kinds of layers apart. */
  readonly kind: "dense";
  /** Index in the spec's list: the `layer` word of random counters. */
  readonly layer: number;
  /** Values that come in. */
  readonly inputs: number;
  /** Values that go out. */
  readonly units: number;
  /** Rate of the dropout of what comes in; 0 for none. */
  readonly dropoutBefore: number;
  /** Whether negative outputs become 0. */
  readonly relu: boolean;
}

/** The shapes of any layer. */
export type LayerShape = ConvShape | DenseShape;

/** The shapes of every layer, in order. */
export function layerShapes(spec: ModelSpec): readonly LayerShape[] {
  let side = spec.imageSize;
  let channels: number = spec.channels;
  let flat = 0;
  return spec.layers.map((layer, index): LayerShape => {
    if (layer.kind === "dense") {
      const inputs = flat || side * side * channels;
      flat = layer.units;
      return {
        kind: "dense",
        layer: index,
        inputs,
        units: layer.units,
        dropoutBefore: layer.dropoutBefore ?? 0,
        relu: layer.activation === "relu",
      };
    }
    const shape: ConvShape = {
      kind: "conv",
      layer: index,
      inputSize: side,
      inputChannels: channels,
      convSize: side - 2,
      outputSize: (side - 2) >> 1,
      filters: layer.filters,
      dropout: layer.dropout ?? 0,
    };
    side = shape.outputSize;
    channels = shape.filters;
    return shape;
  });
}

/** The kinds of layers that Keras lists, and what is special to each. */
export type KerasLayerKind =
  | { readonly kind: "conv"; readonly filters: number }
  | { readonly kind: "dropout"; readonly rate: number }
  | { readonly kind: "pool" }
  | { readonly kind: "flatten" }
  | { readonly kind: "dense"; readonly units: number; readonly relu: boolean };

/** One layer as Keras counts them. Convolutions have ReLU and 3×3 kernels; pooling is over 2×2. */
export type KerasLayer = KerasLayerKind & {
  /** conv1, dropout1, pool1, conv2, …, flatten, dense1, …: unique in the network, and what files call it. */
  readonly name: string;
  /** Without the batch: [height, width, channels] or [values]. */
  readonly outputShape: readonly number[];
  /** Shapes of the kernel (HWIO or [in, out]) and the bias; none where there is nothing to train. */
  readonly weights: { readonly kernel?: readonly number[]; readonly bias?: readonly number[] };
  /** How many numbers they hold. */
  readonly parameters: number;
};

/** The network as Keras lists it: convolution, dropout, pooling, flatten and dense are layers of their own. */
export function kerasLayers(spec: ModelSpec): readonly KerasLayer[] {
  const layers: KerasLayer[] = [];
  const counts = new Map<string, number>();
  const add = (layer: KerasLayerKind, outputShape: readonly number[], weights: KerasLayer["weights"] = {}) => {
    const count = (counts.get(layer.kind) ?? 0) + 1;
    counts.set(layer.kind, count);
    const name = layer.kind === "flatten" ? layer.kind : `${layer.kind}${count}`;
    const parameters = Object.values(weights).reduce((sum, shape) => sum + sizeOf(shape), 0);
    layers.push({ ...layer, name, outputShape, weights, parameters });
  };
  for (const shape of layerShapes(spec)) {
    if (shape.kind === "conv") {
      const { convSize, outputSize, inputChannels, filters, dropout } = shape;
      const output = [convSize, convSize, filters];
      add({ kind: "conv", filters }, output, { kernel: [3, 3, inputChannels, filters], bias: [filters] });
      if (dropout > 0) add({ kind: "dropout", rate: dropout }, output);
      add({ kind: "pool" }, [outputSize, outputSize, filters]);
    } else {
      const { inputs, units, dropoutBefore, relu } = shape;
      if (!counts.has("flatten")) add({ kind: "flatten" }, [inputs]);
      if (dropoutBefore > 0) add({ kind: "dropout", rate: dropoutBefore }, [inputs]);
      add({ kind: "dense", units, relu }, [units], { kernel: [inputs, units], bias: [units] });
    }
  }
  return layers;
}

function sizeOf(shape: readonly number[]): number {
  return shape.reduce((a, b) => a * b, 1);
}

/** The flat layout: kernel and bias of every layer in order, without gaps. Names are conv1.kernel, conv1.bias, … */
export function parameterTable(spec: ModelSpec): readonly Parameter[] {
  let offset = 0;
  return kerasLayers(spec).flatMap(({ name, weights }) =>
    Object.entries(weights).map(([part, shape]): Parameter => {
      const size = sizeOf(shape);
      offset += size;
      return { name: `${name}.${part}`, shape, offset: offset - size, size };
    })
  );
}

/** The number of parameters: the length of the flat array. */
export function parameterCount(spec: ModelSpec): number {
  return parameterTable(spec).reduce((sum, parameter) => sum + parameter.size, 0);
}
