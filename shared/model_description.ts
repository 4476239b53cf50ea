// The family of networks that Herd trains, as data: blocks of convolution + ReLU (+ dropout) + max-pool, then dense layers. A
// description is one without its data; the spec follows from it once image size and classes are known.
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

/** A network: square images in, logits out. */
export interface ModelSpec {
  /** Side of the images in pixels. */
  readonly imageSize: number;
  /** Of the images: red, green, blue. */
  readonly channels: 3;
  /** From the images to the logits. */
  readonly layers: readonly LayerSpec[];
  /** Logits a sample; 1 is a binary model, whose logit goes through the logistic function. */
  readonly classes: number;
}

/** A network without its data: what a file of --model holds. The image size, the classes and the output layer follow from the data. */
export interface ModelDescription {
  /** Convolution 3×3, ReLU, dropout if given, max-pool 2×2; at least one. */
  readonly blocks: readonly { readonly filters: number; readonly dropout?: number | undefined }[];
  /** Hidden layers with ReLU, each behind its dropout if given. */
  readonly dense: readonly { readonly units: number; readonly dropoutBefore?: number | undefined }[];
  /** Of the layer that gives the logits. */
  readonly output?: { readonly dropoutBefore?: number | undefined } | undefined;
}

/** The names of the built-in models. */
export const MODEL_NAMES = ["keras-example", "tiny"] as const;
/** The name of a built-in model. */
export type ModelName = (typeof MODEL_NAMES)[number];

const block = (filters: number) => ({ filters });
const dropped = (filters: number) => ({ filters, dropout: 0.5 });

/** The built-in models: the network of the Keras example, and a small one of the same family. */
export const BUILT_IN: Readonly<Record<ModelName, ModelDescription>> = {
  "keras-example": {
    blocks: [block(16), dropped(32), dropped(64), block(64), block(64)],
    dense: [{ units: 512, dropoutBefore: 0.5 }],
  },
  tiny: { blocks: [block(4), dropped(8), dropped(8)], dense: [{ units: 16, dropoutBefore: 0.5 }] },
};

/**
 * A built-in model at an image size.
 * @param classes of the data: two need one logit, more need one each
 * @throws {HerdError} usage, if the image is too small for the blocks
 */
export function builtInModel(name: ModelName, imageSize: number, classes = 2): ModelSpec {
  refuseSmallImages(name, BUILT_IN[name], imageSize);
  return modelOf(BUILT_IN[name], imageSize, classes);
}

/**
 * Images must be large enough for the blocks.
 * @param model what it is called
 * @throws {HerdError} usage, if nothing of an image would be left
 */
export function refuseSmallImages(model: string, { blocks }: ModelDescription, imageSize: number): void {
  const least = leastImageSize(blocks.length);
  if (imageSize >= least) return;
  throw new HerdError("usage", `--image-size ${imageSize} is too small for ${model}: use ${least} or more`);
}

/** The network of a description, on images that are large enough. @param classes of the data */
export function modelOf({ blocks, dense, output }: ModelDescription, imageSize: number, classes: number): ModelSpec {
  const classLogits = logitsOf(classes);
  const before = (rate = 0) => rate > 0 ? { dropoutBefore: rate } : {};
  return {
    imageSize,
    channels: 3,
    layers: [
      ...blocks.map(({ filters, dropout = 0 }): LayerSpec => ({
        kind: "conv",
        filters,
        ...(dropout > 0 ? { dropout } : {}),
      })),
      ...dense.map(({ units, dropoutBefore }): LayerSpec => ({
        kind: "dense",
        units,
        ...before(dropoutBefore),
        activation: "relu",
      })),
      { kind: "dense", units: classLogits, ...before(output?.dropoutBefore), activation: "none" },
    ],
    classes: classLogits,
  };
}

/** What {@linkcode modelOf} makes a network of. */
export function descriptionOf({ layers }: ModelSpec): ModelDescription {
  const dense = layers.filter((layer) => layer.kind === "dense");
  const dropout = (rate = 0) => rate > 0 ? { dropoutBefore: rate } : {};
  const output = dropout(dense.at(-1)?.dropoutBefore);
  return {
    blocks: layers.filter((layer) => layer.kind === "conv").map(({ filters, dropout = 0 }) => ({
      filters,
      ...(dropout > 0 ? { dropout } : {}),
    })),
    dense: dense.slice(0, -1).map(({ units, dropoutBefore }) => ({ units, ...dropout(dropoutBefore) })),
    ...("dropoutBefore" in output ? { output } : {}),
  };
}

/** Logits a sample for a number of classes: one tells two apart. */
export function logitsOf(classes: number): number {
  return classes === 2 ? 1 : classes;
}

/** The smallest image side that leaves one pixel after `blocks` conv blocks. */
export function leastImageSize(blocks: number): number {
  let side = 1;
  for (let i = 0; i < blocks; i++) side = 2 * side + 2;
  return side;
}
