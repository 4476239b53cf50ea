// How weights lie on the device, and gradients come from it: each parameter in the order in which kernels read or write it, filled up
// to vectors of four, at offsets that a binding may have. The flat layout of shared/model.ts is the host's.
import { networkLayers } from "../network_layers.ts";
import type { ModelSpec, Parameter } from "../../shared/model.ts";
import type { ConvBlock } from "./kernels/conv_shape.ts";
import { packBackward, packedBytes, type PackedWeights, packForward } from "./kernels/conv_weights.ts";
import { filterVectors } from "./kernels/conv_filter_gradient.ts";
import { type DenseLayer, paddedRow } from "./kernels/dense_shape.ts";
import { ALIGNMENT, roundUp } from "./kernels/dispatch.ts";

/** A part of a device buffer, in bytes. */
export interface Place {
  readonly offset: number;
  readonly bytes: number;
}

/** A conv block with the forms of its weights. */
export interface ConvForms {
  readonly block: ConvBlock;
  readonly forward: PackedWeights;
  /** Not for the first block. */
  readonly backward: PackedWeights | undefined;
}

/** Where a layer's weights lie: `kernel` in its forward form with the biases (conv) or without (dense). */
export interface WeightPlaces {
  readonly kernel: Place;
  /** The input gradient's form of a conv kernel, or a dense layer's bias. */
  readonly second: Place | undefined;
}

/** Where a layer's gradients lie. */
export interface GradientPlaces {
  readonly kernel: Place;
  readonly bias: Place;
}

/** The layout of a network. */
export class Layout {
  readonly convWeights: readonly WeightPlaces[];
  readonly denseWeights: readonly WeightPlaces[];
  readonly weightBytes: number;
  readonly convGradients: readonly GradientPlaces[];
  readonly denseGradients: readonly GradientPlaces[];
  readonly gradientBytes: number;
  readonly #spec: ModelSpec;
  readonly #convs: readonly ConvForms[];
  readonly #denses: readonly DenseLayer[];

  constructor(spec: ModelSpec, convs: readonly ConvForms[], denses: readonly DenseLayer[]) {
    this.#spec = spec;
    this.#convs = convs;
    this.#denses = denses;
    const weights = new Places();
    this.convWeights = convs.map(({ forward, backward }) => ({
      kernel: weights.take(packedBytes(forward)),
      second: backward && weights.take(packedBytes(backward)),
    }));
    const denseBytes = ({ inputQuads, outputQuads }: DenseLayer) => 64 * inputQuads * outputQuads;
    this.denseWeights = denses.map((layer) => ({
      kernel: weights.take(denseBytes(layer)),
      second: weights.take(16 * layer.outputQuads),
    }));
    this.weightBytes = weights.used;
    const gradients = new Places();
    this.convGradients = convs.map(({ block }) => ({
      kernel: gradients.take(16 * filterVectors(block)),
      bias: gradients.take(16 * block.quads),
    }));
    this.denseGradients = denses.map((layer) => ({
      kernel: gradients.take(denseBytes(layer)),
      bias: gradients.take(16 * layer.outputQuads),
    }));
    this.gradientBytes = gradients.used;
  }

  /**
   * Writes flat weights as the device reads them.
   * @param target float32, weightBytes; what fills up must be 0 already
   */
  packWeights(flat: Float32Array, target: Float32Array): void {
    const { convs, denses } = networkLayers(this.#spec);
    const of = ({ offset, size }: Parameter) => flat.subarray(offset, offset + size);
    this.#convs.forEach(({ block, forward, backward }, i) => {
      const { kernel, second } = this.convWeights[i]!;
      packForward(block, forward, of(convs[i]!.kernel), of(convs[i]!.bias), floats(target, kernel));
      if (backward) packBackward(block, backward, of(convs[i]!.kernel), floats(target, second!));
    });
    this.#denses.forEach((layer, i) => {
      const { kernel, second } = this.denseWeights[i]!;
      const weights = of(denses[i]!.kernel);
      const { inputs, units } = layer.shape;
      const padded = floats(target, kernel);
      for (let row = 0; row < inputs; row++) {
        padded.set(weights.subarray(row * units, (row + 1) * units), paddedRow(layer, row) * 4 * layer.outputQuads);
      }
      floats(target, second!).set(of(denses[i]!.bias));
    });
  }

  /** Writes the device's gradients as the flat array has them. */
  unpackGradients(source: Float32Array, flat: Float32Array): void {
    const { convs, denses } = networkLayers(this.#spec);
    const to = ({ offset, size }: Parameter) => flat.subarray(offset, offset + size);
    this.#convs.forEach(({ block }, i) => {
      const { kernel, bias } = this.convGradients[i]!;
      unpackFilters(block, floats(source, kernel), to(convs[i]!.kernel));
      to(convs[i]!.bias).set(floats(source, bias).subarray(0, block.filters));
    });
    this.#denses.forEach((layer, i) => {
      const { kernel, bias } = this.denseGradients[i]!;
      const { inputs, units } = layer.shape;
      const padded = floats(source, kernel);
      const target = to(denses[i]!.kernel);
      for (let row = 0; row < inputs; row++) {
        const start = paddedRow(layer, row) * 4 * layer.outputQuads;
        target.set(padded.subarray(start, start + units), row * units);
      }
      to(denses[i]!.bias).set(floats(source, bias).subarray(0, units));
    });
  }
}

/** From [tap][filter][input channel], filled up, to [tap][input channel][filter]. */
function unpackFilters(
  { inputChannels, inputQuads, filters, quads }: ConvBlock,
  source: Float32Array,
  target: Float32Array,
) {
  for (let tap = 0; tap < 9; tap++) {
    for (let filter = 0; filter < filters; filter++) {
      const from = (tap * 4 * quads + filter) * 4 * inputQuads;
      for (let c = 0; c < inputChannels; c++) target[(tap * inputChannels + c) * filters + filter] = source[from + c]!;
    }
  }
}

function floats(array: Float32Array, { offset, bytes }: Place): Float32Array {
  return array.subarray(offset / 4, (offset + bytes) / 4);
}

class Places {
  used = 0;

  take(bytes: number): Place {
    const offset = this.used;
    this.used = roundUp(offset + bytes, ALIGNMENT);
    return { offset, bytes };
  }
}
