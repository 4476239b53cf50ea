// The order in which a convolution reads its weights: groups of output channels, each [vector of 4 input channels][output][tap]
// vec4, and behind them the group's biases. Groups begin at multiples of what any adapter may ask of an offset. The input gradient
// reads the same form with the roles of channels exchanged and taps turned round.
import { ALIGNMENT, type Binding, mirrored, roundUp, type Slice } from "./dispatch.ts";
import type { ConvBlock } from "./conv_shape.ts";
import type { ConvTile } from "./conv_tile.ts";

/** What a uniform binding holds on any adapter: kernels declare that much, so that layers of other widths share their code. */
export const UNIFORM_BYTES = 65536;

/** How one pass reads a block's weights. */
export interface PackedWeights {
  /** Output channels of a group: a tile's `outputs`. */
  readonly outputs: number;
  readonly groups: number;
  /** Vectors of input channels. */
  readonly inputQuads: number;
  /** vec4 from a group to the next. */
  readonly stride: number;
}

/** The form for a pass. `outputs` divides the padded number of channels that come out. */
export function packedWeights(inputQuads: number, outputQuads: number, outputs: number): PackedWeights {
  const vectors = inputQuads * outputs * 9 + outputs / 4;
  return { outputs, groups: 4 * outputQuads / outputs, inputQuads, stride: roundUp(16 * vectors, ALIGNMENT) / 16 };
}

/** Where a kernel reads weights from. */
export type WeightSource = "uniform" | "storage" | "texture";

/**
 * A group as a kernel binds it: of a uniform binding all that it can hold, of which it reads its group; of a texture all weights.
 * @returns with the index of the group's first vec4
 */
export function groupOf(
  packed: PackedWeights,
  group: number,
  all: Slice,
  source: WeightSource,
): { readonly binding: Binding; readonly first: number } {
  const offset = all.offset + 16 * group * packed.stride;
  const binding = (count: string, access: Binding["access"], at: Slice) => ({
    name: "weights",
    type: `array<vec4<f32>${count}>`,
    access,
    at,
  });
  switch (source) {
    case "uniform":
      return {
        binding: binding(`, ${UNIFORM_BYTES / 16}`, "uniform", { ...all, offset, bytes: UNIFORM_BYTES }),
        first: 0,
      };
    case "storage":
      return { binding: binding("", "read", { ...all, offset, bytes: 16 * packed.stride }), first: 0 };
    case "texture":
      return { binding: binding("", "read", mirrored(all)), first: offset / 16 };
  }
}

/** WGSL: a vec4 of what groupOf() binds. */
export function weightAt({ form, weights }: ConvTile, index: string): string {
  return form === "loop" && weights === "texture" ? `weights_at(${index})` : `weights[${index}]`;
}

/** Bytes of all groups. */
export function packedBytes({ groups, stride }: PackedWeights): number {
  return 16 * groups * stride;
}

/**
 * Packs a block's kernel and bias for the forward pass.
 * @param kernel float32 [3, 3, in, out]
 * @param target float32, {@linkcode packedBytes}; zeros where channels are filled up
 */
export function packForward(
  { inputChannels, filters }: ConvBlock,
  packed: PackedWeights,
  kernel: Float32Array,
  bias: Float32Array,
  target: Float32Array,
): void {
  const { outputs, stride, inputQuads } = packed;
  for (let out = 0; out < filters; out++) {
    const group = 4 * stride * Math.floor(out / outputs);
    const lane = out % outputs;
    for (let tap = 0; tap < 9; tap++) {
      for (let c = 0; c < inputChannels; c++) {
        const vector = ((c >> 2) * outputs + lane) * 9 + tap;
        target[group + 4 * vector + (c & 3)] = kernel[(tap * inputChannels + c) * filters + out]!;
      }
    }
    target[group + 4 * inputQuads * outputs * 9 + lane] = bias[out]!;
  }
}

/** Packs a block's kernel for the input gradient, whose outputs are the block's inputs. */
export function packBackward(
  { inputChannels, filters }: ConvBlock,
  { outputs, stride }: PackedWeights,
  kernel: Float32Array,
  target: Float32Array,
): void {
  for (let c = 0; c < inputChannels; c++) {
    const group = 4 * stride * Math.floor(c / outputs);
    for (let tap = 0; tap < 9; tap++) {
      for (let f = 0; f < filters; f++) {
        const vector = ((f >> 2) * outputs + c % outputs) * 9 + tap;
        target[group + 4 * vector + (f & 3)] = kernel[((8 - tap) * inputChannels + c) * filters + f]!;
      }
    }
  }
}
