// Where everything lies in the one linear memory, computed once for the largest leaf: no kernel and no step allocates. All
// positions are byte offsets, aligned to a cache line. Channels are padded to multiples of 8, except the image's three.
import { type ConvShape, type DenseShape, type ModelSpec, type Parameter, parameterCount } from "../../shared/model.ts";
import { networkLayers } from "../network_layers.ts";
import { formatBytes } from "../../shared/cli/format.ts";
import { HerdError } from "../../shared/errors.ts";
import { MOST_PAGES, PAGE_BYTES } from "./kernels.ts";

/** Buffers of one conv block. Strides are floats a pixel. */
export interface ConvPlan {
  readonly shape: ConvShape;
  readonly kernel: Parameter;
  readonly bias: Parameter;
  readonly inputStride: number;
  readonly outputStride: number;
  /** Weights in panels, for the forward pass: 36 sets of them where it goes by Winograd's tiles. */
  readonly panels: number;
  /** Rows of tiles that are transformed together; 0 for a direct convolution, which few channels get. */
  readonly groupRows: number;
  readonly paddedBias: number;
  /** Weights by output channel, for the input gradient; 0 for the first block, which has none. */
  readonly transposed: number;
  /** Weight gradient sums of a leaf, [filters][3][rowFloats], then bias sums. */
  readonly sums: number;
  readonly sumsBytes: number;
  readonly rowFloats: number;
  readonly biasSums: number;
  /** Input of each sample: an activation, kept for the backward pass. */
  readonly inputs: readonly number[];
  /** Pooled output of each sample, and a byte for the origin of each value. */
  readonly outputs: readonly number[];
  readonly origins: readonly number[];
  /** Gradient of one sample's input (0 for the first block) and of its output. */
  readonly inputGradient: number;
  readonly outputGradient: number;
  /** Rows of windows whose gradients are listed together. */
  readonly bandRows: number;
}

/** Buffers of one dense layer: one row a sample, `inputRow` and `outputRow` bytes long. */
export interface DensePlan {
  readonly shape: DenseShape;
  readonly kernel: Parameter;
  readonly bias: Parameter;
  readonly panels: number;
  readonly paddedBias: number;
  /** Inputs after dropout. The outputs of a layer are the inputs of the next. */
  readonly inputs: number;
  readonly inputRow: number;
  readonly inputGradient: number;
  readonly outputs: number;
  readonly outputRow: number;
  readonly outputGradient: number;
}

/** The layout of the memory. */
export interface MemoryPlan {
  readonly spec: ModelSpec;
  readonly microBatch: number;
  readonly parameters: number;
  readonly convs: readonly ConvPlan[];
  readonly denses: readonly DensePlan[];
  /** One image in bytes, with a row and more behind it that resampling may read. */
  readonly pixels: number;
  /** The image of each sample as float32. */
  readonly images: readonly number[];
  /** Flat weights, as they came. */
  readonly weights: number;
  /** Buffers of Winograd's transforms, and zeros in place of a bias. */
  readonly left: number;
  readonly products: number;
  readonly scratch: number;
  readonly zeros: number;
  /** Random bits, two conv rows in float32, lists of gradients and their ends: scratch of kernels. */
  readonly draws: number;
  readonly rows: number;
  readonly lists: number;
  readonly ends: number;
  /** Where flat gradients begin, one every `gradientBytes`: as many as the tree is deep. */
  readonly gradients: number;
  readonly gradientBytes: number;
}

const ALIGNMENT = 64;
/** Kernels may read or write this far past the end of a buffer. */
const MARGIN = 64;
/** Shorter lists waste time on loading and storing the sums. */
const LIST_TARGET = 100;

/** Fewer tiles at once make short products. */
const TILES_TARGET = 32;
/** With fewer channels Winograd's transforms cost more than they save. */
const LEAST_CHANNELS = 16;
/** What Winograd's transforms need besides a tile of pixels. */
const SCRATCH_BYTES = 1088;

const roundUp = (value: number, step: number) => Math.ceil(value / step) * step;
const padded = (channels: number) => roundUp(channels, 8);

/** Tiles of 4 × 4 conv outputs along a side. */
const tileSide = ({ outputSize }: ConvShape) => Math.ceil(outputSize / 2);
/** Tiles of a group. */
const tilesOf = ({ shape, groupRows }: ConvPlan) => groupRows * tileSide(shape);

/** Lays out the memory for a model and the most samples that a leaf will have. */
export function planMemory(spec: ModelSpec, microBatch: number): MemoryPlan {
  const arena = new Arena();
  const layers = networkLayers(spec);
  const parameters = parameterCount(spec);
  const imageFloats = spec.imageSize ** 2 * 3;
  const pixels = arena.reserve(imageFloats + 3 * spec.imageSize);
  const images = arena.reserveEach(microBatch, 4 * imageFloats);
  const weights = arena.reserve(4 * parameters);
  const convs: ConvPlan[] = [];
  const denses: DensePlan[] = [];
  for (const layer of layers.convs) {
    convs.push(planConv(arena, { ...layer, microBatch, images, before: convs.at(-1) }));
  }
  for (const layer of layers.denses) {
    denses.push(planDense(arena, { ...layer, microBatch, before: denses.at(-1) }));
  }
  const most = (sizes: readonly number[]) => Math.max(0, ...sizes);
  const drawn = most([
    ...layers.convs.map(({ shape }) => 4 * shape.convSize * shape.filters),
    ...layers.denses.map(({ shape }) => shape.inputs),
  ]);
  const draws = arena.reserve(2 * drawn);
  const tiled = (channels: (conv: ConvPlan) => number) =>
    36 * (4 * most(convs.map((conv) => tilesOf(conv) * channels(conv))) + 64);
  const left = arena.reserve(tiled(({ inputStride }) => inputStride));
  const products = arena.reserve(tiled(({ outputStride }) => outputStride));
  const scratch = arena.reserve(SCRATCH_BYTES + 4 * 36 * most(convs.map(({ inputStride }) => inputStride)));
  const zeros = arena.reserve(4 * most(convs.map(({ outputStride }) => outputStride)));
  const rows = arena.reserve(most(convs.map(({ shape, outputStride }) => 16 * shape.outputSize * outputStride)));
  const listed = convs.map(({ shape, bandRows, outputStride }) => outputStride * (bandRows * shape.outputSize + 1));
  const lists = arena.reserve(8 * most([microBatch + 1, ...listed]));
  const ends = arena.reserve(4 * most(convs.map(({ outputStride }) => outputStride)));
  const gradientBytes = roundUp(4 * parameters + MARGIN, ALIGNMENT);
  return {
    spec,
    microBatch,
    parameters,
    convs,
    denses,
    pixels,
    images,
    weights,
    left,
    products,
    scratch,
    zeros,
    draws,
    rows,
    lists,
    ends,
    gradients: arena.reserve(0),
    gradientBytes,
  };
}

/**
 * Pages needed for a plan with this many flat gradients.
 * @throws {HerdError} usage, if WebAssembly has not as many
 */
export function pagesOf(plan: MemoryPlan, gradients: number): number {
  const pages = Math.ceil((plan.gradients + gradients * plan.gradientBytes + MARGIN) / PAGE_BYTES);
  if (pages <= MOST_PAGES) return pages;
  const [needed, most] = [pages, MOST_PAGES].map((count) => formatBytes(count * PAGE_BYTES));
  const what = `Micro-batches of ${plan.microBatch} at ${plan.spec.imageSize} px need ${needed} of memory`;
  const remedy = "use a smaller --micro-batch, --image-size or model";
  throw new HerdError("usage", `${what}, and a worker of simd has ${most} at most: ${remedy}`);
}

class Arena {
  #used = ALIGNMENT; // Offset 0 means "none" to the kernels.

  reserve(bytes: number): number {
    const offset = this.#used;
    this.#used = roundUp(offset + bytes + MARGIN, ALIGNMENT);
    return offset;
  }

  reserveEach(count: number, bytes: number): number[] {
    return Array.from({ length: count }, () => this.reserve(bytes));
  }
}

interface ConvContext {
  readonly shape: ConvShape;
  readonly kernel: Parameter;
  readonly bias: Parameter;
  readonly microBatch: number;
  readonly images: readonly number[];
  readonly before: ConvPlan | undefined;
}

function planConv(arena: Arena, { shape, kernel, bias, microBatch, images, before }: ConvContext): ConvPlan {
  const inputStride = before ? before.outputStride : shape.inputChannels;
  const outputStride = padded(shape.filters);
  const rowFloats = roundUp(3 * inputStride, 4);
  const sumsBytes = 4 * shape.filters * 3 * rowFloats;
  const outputs = shape.outputSize ** 2 * outputStride;
  const tiled = Math.min(inputStride, outputStride) >= LEAST_CHANNELS;
  return {
    shape,
    kernel,
    bias,
    inputStride,
    outputStride,
    rowFloats,
    sumsBytes,
    panels: arena.reserve(4 * (tiled ? 36 : 9) * inputStride * outputStride),
    groupRows: tiled ? Math.min(Math.ceil(TILES_TARGET / tileSide(shape)), tileSide(shape)) : 0,
    paddedBias: arena.reserve(4 * outputStride),
    transposed: before ? arena.reserve(4 * 9 * inputStride * shape.filters) : 0,
    sums: arena.reserve(sumsBytes),
    biasSums: arena.reserve(4 * outputStride),
    inputs: before ? before.outputs : images,
    outputs: arena.reserveEach(microBatch, 4 * outputs),
    origins: arena.reserveEach(microBatch, outputs),
    inputGradient: before ? before.outputGradient : 0,
    outputGradient: arena.reserve(4 * outputs),
    bandRows: Math.max(1, Math.floor(LIST_TARGET / shape.outputSize)),
  };
}

interface DenseContext {
  readonly shape: DenseShape;
  readonly kernel: Parameter;
  readonly bias: Parameter;
  readonly microBatch: number;
  readonly before: DensePlan | undefined;
}

function planDense(arena: Arena, { shape, kernel, bias, microBatch, before }: DenseContext): DensePlan {
  const inputRow = 4 * padded(shape.inputs);
  const outputRow = 4 * padded(shape.units);
  return {
    shape,
    kernel,
    bias,
    inputRow,
    outputRow,
    panels: arena.reserve(shape.inputs * outputRow),
    paddedBias: arena.reserve(outputRow),
    inputs: before ? before.outputs : arena.reserve(microBatch * inputRow),
    inputGradient: before ? before.outputGradient : arena.reserve(microBatch * inputRow),
    outputs: arena.reserve(microBatch * outputRow),
    outputGradient: arena.reserve(microBatch * outputRow),
  };
}
