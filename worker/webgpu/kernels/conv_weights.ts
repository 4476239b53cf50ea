// The order in which a convolution reads its weights: groups of output channels, each [vector of 4 input channels][output][tap]
// vec4, and behind them the group's biases. Groups begin at multiples of what any adapter may ask of an offset. The input gradient
// reads the same form with the roles of channels exchanged and taps turned round.
import { ALIGNMENT, type Binding, mirrored, range, roundUp, type Slice } from "./dispatch.ts";
import type { ConvBlock } from "./conv_shape.ts";
import type { ConvTile, WeightSource } from "./conv_tile.ts";

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

/** What one dispatch of a convolution computes: some groups of output channels, of which `id.y` counts. */
export interface ChannelGroups {
  readonly weights: Binding;
  /** How many. */
  readonly count: number;
  /** Numbers from which {@linkcode GROUP} finds a group and its weights. */
  readonly numbers: { readonly first_group: number; readonly first_weight: number; readonly weight_stride: number };
}

/** WGSL: the group that a thread computes, and the index of its first weight. */
export const GROUP = `  let channel_group = first_group + id.y;
  let group_weights = first_weight + id.y * weight_stride;`;

/** The dispatches of a convolution: where a texture binds all weights, one computes all groups, else each has its own. */
export function channelGroups(packed: PackedWeights, all: Slice, source: WeightSource): ChannelGroups[] {
  const weights = (at: Slice) => ({ name: "weights", type: "array<vec4<f32>>", access: "read", at } as const);
  if (source === "texture") {
    const numbers = { first_group: 0, first_weight: all.offset / 16, weight_stride: packed.stride };
    return [{ weights: weights(mirrored(all)), count: packed.groups, numbers }];
  }
  const bytes = 16 * packed.stride;
  return range(packed.groups).map((group) => ({
    weights: weights({ ...all, offset: all.offset + group * bytes, bytes }),
    count: 1,
    numbers: { first_group: group, first_weight: 0, weight_stride: 0 },
  }));
}

/** WGSL: a vec4 of the weights that a dispatch binds. */
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
