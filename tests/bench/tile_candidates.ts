// Which tiles are worth a trial. Two rounds for each pass: first what a thread computes, then, of the best, how many threads a
// workgroup has. None changes the order of sums; those that do not fit are taken out by tile_check.ts.
import type { ConvTile, FilterTile } from "../../worker/webgpu/kernels/conv_tile.ts";
import type { DenseTile } from "../../worker/webgpu/kernels/dense_shape.ts";
import type { PresetName } from "../../worker/webgpu/presets.ts";
import type { LayerTiles, TunedPass } from "../../worker/webgpu/tuned.ts";

/** Any pass's tile. */
export type Tile = ConvTile | FilterTile | DenseTile;

/** A pass and its tile: which fields there are follows from the pass. */
export interface PassTile {
  readonly pass: TunedPass;
  readonly tile: Tile;
}

const SQUARES = [[1, 1], [2, 1], [2, 2], [3, 2], [4, 2]] as const;
const OUTPUTS = [4, 8, 16, 32];
const THREADS = [8, 16, 32, 64, 128, 256];

/** The first round. @param own the preset's tile */
export function shapeCandidates({ pass, tile: own }: PassTile, preset: PresetName): Tile[] {
  if (pass === "dense") return [1, 2, 4, 8, 16].map((images) => ({ ...own as DenseTile, images }));
  if (pass === "filterGradient") {
    return ([1, 4] as const).flatMap((inputs) => OUTPUTS.map((outputs) => ({ ...own as FilterTile, inputs, outputs })));
  }
  const conv = own as ConvTile;
  // A software adapter spends more on a small tile's loads than it ever computes, and seconds on each trial.
  const squares = preset === "software" ? SQUARES.filter(([width, height]) => width * height >= 2) : SQUARES;
  const threads = conv.form === "staged" ? 64 : conv.threads;
  const weights = preset === "software" ? "texture" : "storage";
  const loops = squares.flatMap(([width, height]) =>
    OUTPUTS.map((outputs): ConvTile => ({ width, height, outputs, threads, form: "loop", weights }))
  );
  const single = { width: 1, height: 1, weights: "storage" } as const;
  const straight = OUTPUTS.map((outputs): ConvTile => ({ ...single, outputs, threads, form: "straight" }));
  const staged = OUTPUTS.map((outputs): ConvTile => ({ ...single, outputs, threads: 64, form: "staged" }));
  return [...loops, ...straight, ...staged];
}

/** The second round. @param best of the first */
export function threadCandidates({ tile: best }: PassTile): Tile[] {
  return THREADS.map((threads) => ({ ...best, threads }));
}

/** One pass's tile as tiles of layers. */
export function asLayerTiles({ pass, tile }: PassTile): LayerTiles {
  return { [pass]: tile };
}

/** A tile in a few words: "loop 2×2 × 8, 64 threads, texture". */
export function describeTile(tile: Tile): string {
  const threads = `${tile.threads} threads`;
  if ("form" in tile) {
    const { form, width, height, outputs, weights } = tile;
    return `${form} ${width}×${height} × ${outputs}, ${threads}${form === "loop" ? `, ${weights}` : ""}`;
  }
  if ("inputs" in tile) return `${tile.inputs} × ${tile.outputs}, ${threads}`;
  return `${tile.images} images, ${threads}`;
}

/** The rounds. */
export const CANDIDATES = { shapes: shapeCandidates, threads: threadCandidates } as const;
