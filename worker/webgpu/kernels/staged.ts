// The loop for a discrete GPU, where many threads wait for memory together: a workgroup computes a square of windows, one a thread.
// Vector of channels by vector of channels, all its threads bring the square's inputs and the group's weights into workgroup memory
// once, and each reads them from there. Consecutive threads hold consecutive windows of a row.
import type { ConvBlock } from "./conv_shape.ts";
import type { ConvTile } from "./conv_tile.ts";
import type { PackedWeights } from "./conv_weights.ts";
import { cornersOf, declareSums, multiplyAdd } from "./convolve.ts";
import { range } from "./dispatch.ts";

/** Bytes of workgroup memory. */
export function stagedBytes({ threads, outputs }: ConvTile): number {
  const edge = 2 * Math.sqrt(threads) + 2;
  return 16 * (edge * edge + 9 * outputs);
}

/**
 * The kernel up to the sums: leaves `image`, `y`, `x`, `group_quad`, `group_weights` and the sums behind.
 * @param pass what is convolved: the block's inputs, or the gradients of its windows at their maxima
 */
export function stagedLoop(
  block: ConvBlock,
  tile: ConvTile,
  packed: PackedWeights,
  pass: "forward" | "input gradient",
): {
  readonly body: string;
  readonly functions: string;
  readonly workgroups: readonly [number, number, number];
  readonly numbers: Readonly<Record<string, number>>;
} {
  const isForward = pass === "forward";
  const across = Math.sqrt(tile.threads);
  const edge = 2 * across + 2;
  const windows = isForward ? block.pooled : (block.side + 1) >> 1;
  const tiles = Math.ceil(windows / across);
  const quads = isForward ? block.inputQuads : block.quads;
  const channels = quads > 1 ? 4 : isForward ? block.inputChannels : block.filters;
  const body = `  let image = id.z;
  let first_y = group.x / tiles_across * ${across}u;
  let first_x = group.x % tiles_across * ${across}u;
  let y = min(first_y + local / ${across}u, windows - 1u);
  let x = min(first_x + local % ${across}u, windows - 1u);
  let corner = 2u * (y - first_y) * ${edge}u + 2u * (x - first_x);
  let group_quad = id.y * ${tile.outputs / 4}u;
  let group_weights = id.y * group_stride;
${declareSums(tile)}
  for (var q = 0u; q < ${isForward ? "input_quads" : "quads"}; q++) {
  workgroupBarrier();
${isForward ? stageInputs(tile, edge) : stageWindows(tile, edge)}
  for (var i = local; i < ${9 * tile.outputs}u; i += ${tile.threads}u) {
    taps[i] = weights[group_weights + q * ${9 * tile.outputs}u + i];
  }
  workgroupBarrier();
${
    range(4).flatMap((row) =>
      range(4).map((column) => `  let p${row}_${column} = staged_inputs[corner + ${row * edge + column}u];`)
    ).join("\n")
  }
${cornersOf(tile, { input: (row, column) => `p${row}_${column}`, channels })}
${multiplyAdd(tile, { weight: (output, tap) => `taps[${output * 9 + tap}]`, channels })}
  }`;
  const functions = `var<workgroup> staged_inputs: array<vec4<f32>, ${edge * edge}>;
var<workgroup> taps: array<vec4<f32>, ${9 * tile.outputs}>;`;
  const numbers = { windows, tiles_across: tiles, group_stride: packed.stride };
  return { body, functions, numbers, workgroups: [tiles * tiles, packed.groups, block.images] };
}

/** What lies beyond the image is not used by any window, so that its last pixel stands for it. */
function stageInputs({ threads }: ConvTile, edge: number): string {
  return `  for (var i = local; i < ${edge * edge}u; i += ${threads}u) {
    let row = min(2u * first_y + i / ${edge}u, side - 1u);
    let column = min(2u * first_x + i % ${edge}u, side - 1u);
    staged_inputs[i] = inputs[((image * side + row) * side + column) * input_quads + q];
  }`;
}

function stageWindows({ threads }: ConvTile, edge: number): string {
  return `  for (var i = local; i < ${edge * edge / 4}u; i += ${threads}u) {
    let row = i / ${edge / 2}u;
    let column = i % ${edge / 2}u;
    let at = ((image * pitch + min(first_y + row, pitch - 1u)) * pitch + min(first_x + column, pitch - 1u)) * quads + q;
    let g = gradients[at];
    let o = (vec4(origins[at]) >> vec4(0u, 8u, 16u, 24u)) & vec4(255u);
    let to = 2u * (row * ${edge}u + column);
${
    range(4).map((corner) =>
      `    staged_inputs[to + ${(corner >> 1) * edge + (corner & 1)}u] = select(vec4<f32>(), g, o == vec4(${corner}u));`
    ).join("\n")
  }
  }`;
}
