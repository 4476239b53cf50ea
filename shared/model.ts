// The family of networks that Herd trains, as data: blocks of convolution + ReLU (+ dropout) + max-pool, then dense layers.
// Everything here is derived from the spec by arithmetic, so both sides compute the same shapes and the same flat layout.
import { HerdError } from "./errors.ts";

/** One layer. `conv` is a block: 3×3 valid convolution, ReLU, dropout if given, 2×2 max-pool (floor). */
export type LayerSpec =
  | { readonly kind: "conv"; readonly filters: number; readonly dropout?: number }
  | {
    readonly kind: "dense";
    readonly units: number;
    readonly dropoutBefore?: number;
    readonly activation: "relu" | "none";
  };

/** A network: square images of `channels` channels in, `classes` logits out (1 = binary, by the logistic function). */
export interface ModelSpec {
  readonly imageSize: number;
  readonly channels: 3;
  readonly layers: readonly LayerSpec[];
  readonly classes: number;
}

/** One parameter tensor: a view of `size` float32 at `offset` of the flat array. Kernels are HWIO or [in, out]. */
export interface Parameter {
  readonly name: string;
  readonly shape: readonly number[];
  readonly offset: number;
  readonly size: number;
}

/** The shapes of one conv block, in pixels and channels. */
export interface ConvShape {
  readonly kind: "conv";
  /** Index in the spec's list: the `layer` word of random counters. */
  readonly layer: number;
  readonly inputSize: number;
  readonly inputChannels: number;
  /** Side of the convolution's output, before pooling: inputSize − 2. */
  readonly convSize: number;
  /** Side of the block's output: floor(convSize / 2). */
  readonly outputSize: number;
  readonly filters: number;
  readonly dropout: number;
}

/** The shapes of one dense layer. */
export interface DenseShape {
  readonly kind: "dense";
  readonly layer: number;
  readonly inputs: number;
  readonly units: number;
  readonly dropoutBefore: number;
  readonly relu: boolean;
}

export type LayerShape = ConvShape | DenseShape;

/** The names of the built-in models. */
export const MODEL_NAMES = ["keras-example", "tiny"] as const;
export type ModelName = (typeof MODEL_NAMES)[number];

const WIDTHS: Readonly<Record<ModelName, { filters: readonly number[]; units: number }>> = {
  "keras-example": { filters: [16, 32, 64, 64, 64], units: 512 },
  tiny: { filters: [4, 8, 8], units: 16 },
};

/**
 * A built-in model at an image size: the network of the Keras example (dropout 0.5 in blocks 2 and 3 and before the first
 * dense layer), or a small one of the same family.
 * @throws {HerdError} usage, if the image is too small for the blocks
 */
export function builtInModel(name: ModelName, imageSize: number): ModelSpec {
  const { filters, units } = WIDTHS[name];
  const least = leastImageSize(filters.length);
  if (imageSize < least) {
    throw new HerdError("usage", `--image-size ${imageSize} is too small for ${name}: use ${least} or more`);
  }
  return {
    imageSize,
    channels: 3,
    layers: [
      ...filters.map((width, i): LayerSpec => ({
        kind: "conv",
        filters: width,
        ...(i === 1 || i === 2 ? { dropout: 0.5 } : {}),
      })),
      { kind: "dense", units, dropoutBefore: 0.5, activation: "relu" },
      { kind: "dense", units: 1, activation: "none" },
    ],
    classes: 1,
  };
}

/** The smallest image side that leaves one pixel after `blocks` conv blocks. */
export function leastImageSize(blocks: number): number {
  let side = 1;
  for (let i = 0; i < blocks; i++) side = 2 * side + 2;
  return side;
}

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

/** The flat layout: kernel and bias of every layer in order, without gaps. Names are conv1, conv2, …, dense1, …, as in Keras. */
export function parameterTable(spec: ModelSpec): readonly Parameter[] {
  const table: Parameter[] = [];
  let offset = 0;
  const counts = { conv: 0, dense: 0 };
  for (const shape of layerShapes(spec)) {
    const name = `${shape.kind}${++counts[shape.kind]}`;
    const kernel = shape.kind === "conv" ? [3, 3, shape.inputChannels, shape.filters] : [shape.inputs, shape.units];
    const units = kernel.at(-1)!;
    for (const [part, dimensions] of [["kernel", kernel], ["bias", [units]]] as const) {
      const size = dimensions.reduce((a, b) => a * b, 1);
      table.push({ name: `${name}.${part}`, shape: dimensions, offset, size });
      offset += size;
    }
  }
  return table;
}

/** The number of parameters: the length of the flat array. */
export function parameterCount(spec: ModelSpec): number {
  return parameterTable(spec).reduce((sum, parameter) => sum + parameter.size, 0);
}

/** One row of the summary: a Keras layer, its output shape and its number of parameters. */
export interface SummaryRow {
  readonly layer: string;
  readonly outputShape: readonly number[];
  readonly parameters: number;
}

/** The layers as Keras lists them: convolution, dropout, pooling, flatten and dense on a line each. */
export function summaryRows(spec: ModelSpec): readonly SummaryRow[] {
  const rows: SummaryRow[] = [];
  const counts = new Map<string, number>();
  const add = (kind: string, outputShape: readonly number[], parameters: number) => {
    const count = (counts.get(kind) ?? 0) + 1;
    counts.set(kind, count);
    rows.push({ layer: kind === "flatten" ? kind : `${kind}_${count}`, outputShape, parameters });
  };
  let flattened = false;
  for (const shape of layerShapes(spec)) {
    if (shape.kind === "conv") {
      const { convSize, outputSize, filters, inputChannels } = shape;
      add("conv2d", [convSize, convSize, filters], 9 * inputChannels * filters + filters);
      if (shape.dropout > 0) add("dropout", [convSize, convSize, filters], 0);
      add("max_pooling2d", [outputSize, outputSize, filters], 0);
    } else {
      if (!flattened) add("flatten", [shape.inputs], 0);
      flattened = true;
      if (shape.dropoutBefore > 0) add("dropout", [shape.inputs], 0);
      add("dense", [shape.units], shape.inputs * shape.units + shape.units);
    }
  }
  return rows;
}
