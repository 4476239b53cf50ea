// The shapes of a conv block as the kernels see it. Activations are NHWC with channels in vectors of four, the last of which may
// be filled up with zeros: [images][side][side][quads] vec4. What comes down, the gradient of the pooled output and the position of
// each maximum, has a border of at least 1 around it, so that no kernel asks where an image ends:
// [images][pitch][pitch][quads], pixel (y, x) at (y + 1, x + 1).
import type { ConvShape } from "../../../shared/model.ts";

/** A conv block. */
export interface ConvBlock {
  /** "conv2" */
  readonly name: string;
  /** Images of a leaf. */
  readonly images: number;
  /** Side of the input. */
  readonly side: number;
  readonly inputChannels: number;
  /** Vectors of four input channels. */
  readonly inputQuads: number;
  readonly filters: number;
  /** Vectors of four filters. */
  readonly quads: number;
  /** Side of the pooled output. */
  readonly pooled: number;
  /** Side of the bordered gradient. */
  readonly pitch: number;
  readonly shape: ConvShape;
}

/** Where no gradient passes: ReLU or dropout has shut it, or it is the border. Positions are 0 … 3 in row order. */
export const NO_GRADIENT = 4;

/** Channels in vectors of four. */
export function quadsOf(channels: number): number {
  return Math.ceil(channels / 4);
}

/** The block of a shape. */
export function convBlock(name: string, images: number, shape: ConvShape): ConvBlock {
  const { inputSize, inputChannels, filters, outputSize } = shape;
  return {
    name,
    images,
    side: inputSize,
    inputChannels,
    inputQuads: quadsOf(inputChannels),
    filters,
    quads: quadsOf(filters),
    pooled: outputSize,
    // An input of odd side has a last row and column that no window reaches; their gradient is computed all the same.
    pitch: Math.max(outputSize + 2, ((inputSize + 1) >> 1) + 1),
    shape,
  };
}
