// Tiles that were tuned for one network on one adapter, in place of a preset's. They change how fast sums are computed and not in
// which order: what fixes that stays the preset's.
import { type LayerShape, layerShapes, type ModelSpec } from "../../shared/model.ts";
import type { ConvTile, FilterTile } from "./kernels/conv_tile.ts";
import type { DenseTile } from "./kernels/dense_shape.ts";
import type { Preset } from "./presets.ts";

/** The passes of a layer whose tiles may be tuned, as presets name them. */
export const TUNED_PASSES = ["forward", "inputGradient", "filterGradient", "dense"] as const;
/** One of them. */
export type TunedPass = (typeof TUNED_PASSES)[number];

/** The tuned tiles of a layer; what is missing is the preset's. */
export interface LayerTiles {
  readonly forward?: ConvTile;
  readonly inputGradient?: ConvTile;
  readonly filterGradient?: FilterTile;
  readonly dense?: DenseTile;
}

/** By the names of layers: "conv2". */
export type Tuned = Readonly<Record<string, LayerTiles>>;

/** A preset with tuned tiles. They must have been checked: see tile_check.ts. */
export function tunedPreset(base: Preset, tuned: Tuned): Preset {
  return {
    ...base,
    forward: (block) => tuned[block.name]?.forward ?? base.forward(block),
    inputGradient: (block) => tuned[block.name]?.inputGradient ?? base.inputGradient(block),
    filterGradient: (block) => tuned[block.name]?.filterGradient ?? base.filterGradient(block),
    dense: (layer) => tuned[layer.name]?.dense ?? base.dense(layer),
  };
}

/** For what tiles are tuned: a key that differs with everything on which their speed or their validity depends. */
export function tilesKey(
  { adapter, version, deno, preset, images, spec }: {
    /** In words, as the engine has it. */
    readonly adapter: string;
    /** Of the kernels. */
    readonly version: number;
    readonly deno: string;
    readonly preset: string;
    /** Images of a pass. */
    readonly images: number;
    readonly spec: ModelSpec;
  },
): string {
  const layers = layerShapes(spec).map(describe).join(", ");
  return `${adapter}; webgpu-${version} ${preset}; deno ${deno}; ${images} images: ${layers}`;
}

/** "conv 149x16-32 dropout 0.5", "dense 3136-512 relu". */
function describe(shape: LayerShape): string {
  if (shape.kind === "conv") {
    const { inputSize, inputChannels, filters, dropout } = shape;
    return `conv ${inputSize}x${inputChannels}-${filters}${dropout > 0 ? ` dropout ${dropout}` : ""}`;
  }
  const { inputs, units, dropoutBefore, relu } = shape;
  return `dense ${inputs}-${units}${dropoutBefore > 0 ? ` dropout ${dropoutBefore}` : ""}${relu ? " relu" : ""}`;
}
