// The shapes of a dense layer as the kernels see it. Rows of values, one an image, in vectors of four; behind a conv block a row is
// the block's output as it lies, [pixels][quads] vec4, so that nothing is flattened. Weights are [inputs][outputQuads] vec4 with the
// inputs filled up like a row, and zeros in what fills up.
import type { DenseShape } from "../../../shared/model.ts";
import { quadsOf } from "./conv_shape.ts";

/** A dense layer. */
export interface DenseLayer {
  /** "dense1" */
  readonly name: string;
  readonly images: number;
  /** Of a row: pixels, values of each, and vectors of four of each. 1 pixel behind a dense layer. */
  readonly pixels: number;
  readonly channels: number;
  readonly quads: number;
  /** Vectors of a row. */
  readonly inputQuads: number;
  readonly outputQuads: number;
  readonly shape: DenseShape;
}

/** What of a dense layer's kernels may differ between presets. */
export interface DenseTile {
  /** Images that a thread computes at once. */
  readonly images: number;
  /** Parts that a row is cut into, each summed on its own, then in order: part of the order of sums. */
  readonly splits: number;
  readonly threads: number;
}

/** The layer of a shape. `channels` are those of the conv block below, or all inputs. */
export function denseLayer(name: string, images: number, shape: DenseShape, channels: number): DenseLayer {
  const [pixels, quads] = [shape.inputs / channels, quadsOf(channels)];
  return {
    name,
    images,
    pixels,
    channels,
    quads,
    inputQuads: pixels * quads,
    outputQuads: quadsOf(shape.units),
    shape,
  };
}

/** The row of the padded weights that an input has. */
export function paddedRow({ channels, quads }: Pick<DenseLayer, "channels" | "quads">, input: number): number {
  return Math.floor(input / channels) * 4 * quads + input % channels;
}
