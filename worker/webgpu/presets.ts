// Which tiles a kind of adapter gets. Two kinds, each a kernel version with its own fixed order of sums: it is `bandRows`, `splits` and
// the images of a pass that fix it, and they depend on shapes alone.
import type { ConvBlock } from "./kernels/conv_shape.ts";
import type { ConvTile, FilterTile } from "./kernels/conv_tile.ts";
import type { DenseLayer, DenseTile } from "./kernels/dense_shape.ts";

/** The kinds of adapters. */
export const PRESET_NAMES = ["software", "discrete"] as const;
/** One of them. */
export type PresetName = (typeof PRESET_NAMES)[number];

/** Tiles for any layer. */
export interface Preset {
  readonly name: PresetName;
  /** Whether kernels that read much do so through textures. */
  readonly readsTextures: boolean;
  /** Threads of a workgroup of the kernels that only pass over memory. */
  readonly threads: number;
  forward(block: ConvBlock): ConvTile;
  inputGradient(block: ConvBlock): ConvTile;
  filterGradient(block: ConvBlock): FilterTile;
  dense(layer: DenseLayer): DenseTile;
}

/** The greatest of the wished numbers of channels that divides the padded channels. */
function outputsFor(quads: number, ...wished: readonly number[]): number {
  return wished.find((outputs) => (4 * quads) % outputs === 0) ?? 4;
}

/** Longer loops add up to what a software adapter cuts off (65,535 turns a thread). */
const MOST_TURNS = 16384;

/** Windows along a side, from which on a kernel is worth seconds of compiling. */
const MANY = 24;

/**
 * A CPU in disguise. A load costs as much as many multiply-adds, least from a texture, there is no latency to hide and there are few
 * registers: so a thread computes a large tile with every weight used 16 times or more, few threads are enough, and workgroup memory
 * is of no use. Chosen by
 * trial on Mesa's llvmpipe; `deno task bench kernels --backend webgpu` shows what each kernel takes.
 */
const SOFTWARE: Preset = {
  name: "software",
  readsTextures: true,
  threads: 64,
  forward({ inputQuads, quads, pooled }) {
    if (inputQuads === 1) {
      return {
        width: 1,
        height: 1,
        outputs: outputsFor(quads, 16, 12, 8),
        threads: 64,
        form: "straight",
        weights: "storage",
      };
    }
    const side = Math.min(2, pooled);
    // 16 channels compile for twice as long: only where there is much to compute.
    const outputs = pooled >= MANY ? outputsFor(quads, 16, 12, 8) : outputsFor(quads, 8);
    return { width: side, height: side, outputs, threads: 64, form: "loop", weights: "texture" };
  },
  inputGradient({ inputQuads, side }) {
    const squares = (side + 1) >> 1;
    const [width, height] = squares > 8 ? [3, 2] : [Math.min(2, squares), Math.min(2, squares)];
    return { width, height, outputs: outputsFor(inputQuads, 8), threads: 64, form: "loop", weights: "texture" };
  },
  filterGradient({ inputQuads, quads, pooled }) {
    // 16 take as long to run, and 4 s more to compile.
    const outputs = outputsFor(quads, 8);
    // At least 16 threads an image.
    const bands = Math.ceil(64 / (inputQuads * quads));
    const bandRows = Math.min(Math.ceil(pooled / bands), Math.max(1, Math.floor(MOST_TURNS / pooled)));
    // As many as an adapter computes at once, 8 or 16: smaller workgroups spread best over the cores.
    return { inputs: 4, outputs, bandRows, threads: 16 };
  },
  dense({ inputQuads }) {
    return { images: 8, splits: Math.min(inputQuads, Math.max(8, Math.ceil(inputQuads / 2048))), threads: 64 };
  },
};

/**
 * A GPU of its own. Loads are hidden by other threads and spilled registers are dear: so a thread holds 32 to 36 sums, thousands of
 * threads run, inputs and weights go through workgroup memory, and neighbours in a workgroup read neighbouring addresses. Rules
 * of the trade, not measured: no such GPU was at hand.
 */
const DISCRETE: Preset = {
  name: "discrete",
  readsTextures: false,
  threads: 128,
  forward: ({ quads }) => staged(outputsFor(quads, 8)),
  inputGradient: ({ inputQuads }) => staged(outputsFor(inputQuads, 8)),
  filterGradient: ({ pooled }) => ({
    inputs: 1,
    outputs: 4,
    bandRows: Math.min(pooled, Math.max(2, Math.ceil(pooled / 37))),
    threads: 64,
  }),
  dense: ({ inputQuads }) => ({
    images: 2,
    splits: Math.min(inputQuads, Math.max(32, Math.ceil(inputQuads / 2048))),
    threads: 64,
  }),
};

/** 8 × 8 windows a workgroup. */
function staged(outputs: number): ConvTile {
  return { width: 1, height: 1, outputs, threads: 64, form: "staged", weights: "storage" };
}

/** A preset by its name. */
export function presetOf(name: PresetName): Preset {
  return name === "software" ? SOFTWARE : DISCRETE;
}
