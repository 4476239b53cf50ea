// Whether tiles from a file can be used: by the kernels, by the adapter, and without another order of sums. What cannot is named and
// left aside, layer by layer, so that no file stops a run.
import * as v from "valibot";
import type { ConvTile, FilterTile } from "./kernels/conv_tile.ts";
import type { DenseTile } from "./kernels/dense_shape.ts";
import { stagedBytes } from "./kernels/staged.ts";
import type { Plan, PlannedConv } from "./plan.ts";
import { type LayerTiles, type Tuned, TUNED_PASSES, type TunedPass } from "./tuned.ts";

/** What of an adapter's limits a tile may reach. */
export type TileLimits = Pick<
  GPUSupportedLimits,
  "maxComputeInvocationsPerWorkgroup" | "maxComputeWorkgroupSizeX" | "maxComputeWorkgroupStorageSize"
>;

/** Sums of a thread. Far more than any adapter keeps in registers, and what a compiler still ends with. */
const MOST_SUMS = 1024;
/** Multiply-adds without a loop; compilers take seconds for as many. */
const MOST_STRAIGHT = 4096;

const whole = v.pipe(v.number(), v.integer(), v.minValue(1));
const convTile: v.GenericSchema<unknown, ConvTile> = v.strictObject({
  width: whole,
  height: whole,
  outputs: whole,
  threads: whole,
  form: v.picklist(["loop", "straight", "staged"]),
  weights: v.picklist(["storage", "texture"]),
});
const filterTile: v.GenericSchema<unknown, FilterTile> = v.strictObject({
  inputs: v.picklist([1, 4]),
  outputs: whole,
  bandRows: whole,
  threads: whole,
});
const denseTile: v.GenericSchema<unknown, DenseTile> = v.strictObject({
  images: whole,
  splits: whole,
  threads: whole,
});

/** The tiles that can be used, and sentences about those that cannot. */
export interface CheckedTiles {
  readonly tuned: Tuned;
  readonly refused: readonly string[];
}

/**
 * Checks what a file has for a network.
 * @param plan of the network with the preset's own tiles
 */
export function checkTiles(
  found: unknown,
  plan: Pick<Plan, "convs" | "denses" | "readsTextures">,
  limits: TileLimits,
): CheckedTiles {
  const tuned: Record<string, LayerTiles> = {};
  const refused: string[] = [];
  const layers = v.safeParse(v.record(v.string(), v.record(v.string(), v.unknown())), found);
  if (!layers.success) return { tuned, refused: ["they are no tiles by layers"] };
  for (const [name, passes] of Object.entries(layers.output)) {
    const tiles: Partial<Record<TunedPass, unknown>> = {};
    for (const [pass, tile] of Object.entries(passes)) {
      const problem = problemOf(name, pass, tile, plan, limits);
      if (problem === undefined) tiles[pass as TunedPass] = tile;
      else refused.push(`${name} ${pass}: ${problem}`);
    }
    if (Object.keys(tiles).length > 0) tuned[name] = tiles as LayerTiles;
  }
  return { tuned, refused };
}

function problemOf(
  name: string,
  pass: string,
  tile: unknown,
  { convs, denses, readsTextures }: Pick<Plan, "convs" | "denses" | "readsTextures">,
  limits: TileLimits,
): string | undefined {
  const conv = convs.find(({ block }) => block.name === name);
  const dense = denses.find(({ layer }) => layer.name === name);
  if (!conv && !dense) return "there is no such layer";
  if (!TUNED_PASSES.includes(pass as TunedPass) || (pass === "dense") !== (dense !== undefined)) {
    return "the layer has no such pass";
  }
  if (dense) return problemOfDense(tile, dense.tile, limits);
  if (pass === "filterGradient") return problemOfFilter(tile, conv!, limits);
  const problem = problemOfConv(tile, conv!, pass === "forward", limits);
  if (problem !== undefined || readsTextures || (tile as ConvTile).weights !== "texture") return problem;
  return "the preset has no textures";
}

function problemOfConv(
  given: unknown,
  { block, backwardTile }: PlannedConv,
  isForward: boolean,
  limits: TileLimits,
): string | undefined {
  if (!isForward && !backwardTile) return "the layer has no such pass";
  const tile = parsed(convTile, given);
  if (!tile) return "it is no tile of a convolution";
  const { width, height, outputs, threads, form } = tile;
  const channels = 4 * (isForward ? block.quads : block.inputQuads);
  const squares = isForward ? block.pooled : (block.side + 1) >> 1;
  const sums = 4 * width * height * outputs;
  if (outputs % 4 !== 0 || channels % outputs !== 0) return `${outputs} outputs do not divide ${channels} channels`;
  if (Math.max(width, height) > squares) return `${width} × ${height} windows do not fit into ${squares}`;
  if (sums > MOST_SUMS) return `${sums} sums a thread are too many`;
  if (form === "straight") {
    if (!isForward) return "only a forward pass can do without a loop";
    const operations = 9 * block.inputChannels * sums;
    if (operations > MOST_STRAIGHT) return `${operations} multiply-adds without a loop are too many`;
  }
  if (form === "staged") {
    if (width * height !== 1 || !Number.isInteger(Math.sqrt(threads))) {
      return "a workgroup is no square of windows";
    }
    const bytes = stagedBytes(tile);
    if (bytes > limits.maxComputeWorkgroupStorageSize) return `the GPU has less than ${bytes} bytes for a workgroup`;
  }
  return problemOfThreads(tile, limits);
}

function problemOfFilter(given: unknown, { block, filterTile: own }: PlannedConv, limits: TileLimits) {
  const tile = parsed(filterTile, given);
  if (!tile) return "it is no tile of a filter gradient";
  const { inputs, outputs, bandRows } = tile;
  const sums = 9 * inputs * outputs;
  if (outputs % 4 !== 0 || (4 * block.quads) % outputs !== 0) {
    return `${outputs} outputs do not divide ${4 * block.quads} channels`;
  }
  if (sums > MOST_SUMS) return `${sums} sums a thread are too many`;
  if (bandRows !== own.bandRows) return `bands of ${bandRows} rows, not of ${own.bandRows}, are another order of sums`;
  return problemOfThreads(tile, limits);
}

function problemOfDense(given: unknown, own: DenseTile, limits: TileLimits): string | undefined {
  const tile = parsed(denseTile, given);
  if (!tile) return "it is no tile of a dense layer";
  const { images, splits } = tile;
  if (splits !== own.splits) return `${splits} splits, not ${own.splits}, are another order of sums`;
  if (images > 64) return `${images} images a thread are too many`;
  return problemOfThreads(tile, limits);
}

function problemOfThreads({ threads }: { readonly threads: number }, limits: TileLimits): string | undefined {
  const most = Math.min(limits.maxComputeInvocationsPerWorkgroup, limits.maxComputeWorkgroupSizeX);
  return threads > most ? `the GPU's workgroups have ${most} threads at the most, not ${threads}` : undefined;
}

function parsed<T>(schema: v.GenericSchema<unknown, T>, given: unknown): T | undefined {
  const { success, output } = v.safeParse(schema, given);
  return success ? output : undefined;
}
