// The gradient of a block's input, gathered: each 2×2 square of input pixels looks at the windows that read it, takes their gradient
// at the position of the maximum, and convolves with the taps turned round. What it writes is the bordered gradient of the block
// below, whose own ReLU and dropout act when that is read. The scale of this block's dropout comes last.
import { dropoutScale } from "../../../shared/dropout.ts";
import type { ConvBlock } from "./conv_shape.ts";
import type { ConvTile } from "./conv_tile.ts";
import { channelGroups, GROUP, type PackedWeights, weightAt } from "./conv_weights.ts";
import { cornersOf, declareSums, multiplyAdd, patchOf, squares, sumAt } from "./convolve.ts";
import { type Binding, type Dispatch, dispatch, load, range, type Slice } from "./dispatch.ts";
import { stagedLoop } from "./staged.ts";

/** What the pass reads and writes. */
export interface InputGradientBuffers {
  /** [images][pitch][pitch][quads] vec4 of the pooled output's gradient. */
  readonly gradients: Slice;
  /** [images][pitch][pitch][quads] u32. */
  readonly origins: Slice;
  readonly weights: Slice;
  /** [images][targetPitch][targetPitch][inputQuads] vec4. */
  readonly target: Slice;
  readonly targetPitch: number;
}

/** The input gradient of a block: one dispatch, or one for each group of input channels. */
export function convInputGradient(
  block: ConvBlock,
  tile: ConvTile,
  packed: PackedWeights,
  buffers: InputGradientBuffers,
): Dispatch[] {
  const { side, images, name, pitch, quads, inputQuads, shape: { dropout } } = block;
  const squaresOfSide = (side + 1) >> 1;
  const tiles = { x: Math.ceil(squaresOfSide / tile.width), y: Math.ceil(squaresOfSide / tile.height) };
  const threads = images * tiles.x * tiles.y;
  const [scale] = new Uint32Array(Float32Array.of(dropout > 0 ? dropoutScale(dropout) : 1).buffer);
  const shape = { pitch, quads, input_quads: inputQuads, target_pitch: buffers.targetPitch, scale_bits: scale! };
  const bindings = (weights: Binding): Binding[] => [
    { name: "gradients", type: "array<vec4<f32>>", access: "read", at: buffers.gradients },
    { name: "origins", type: "array<u32>", access: "read", at: buffers.origins },
    weights,
    { name: "outputs", type: "array<vec4<f32>>", access: "read_write", at: buffers.target },
  ];
  if (tile.form === "staged") {
    const { body, functions, workgroups, numbers } = stagedLoop(block, tile, packed, "input gradient");
    const all = { name: "weights", type: "array<vec4<f32>>", access: "read", at: buffers.weights } as const;
    return [dispatch(`${name} input gradient`, {
      bindings: bindings(all),
      numbers: { ...shape, ...numbers },
      threads: tile.threads,
      workgroups,
      functions,
      body: `${body}\n${finish(tile)}`,
    })];
  }
  const channels = quads === 1 ? block.filters : 4;
  const body = [
    "  let i = min(id.x, threads - 1u);",
    "  let image = i / tiles;",
    `  let y = min(i % tiles / tiles_across * ${tile.height}u, squares - ${tile.height}u);`,
    `  let x = min(i % tiles_across * ${tile.width}u, squares - ${tile.width}u);`,
    GROUP,
    `  let group_quad = channel_group * ${tile.outputs / 4}u;`,
    "  let corner = ((image * pitch + y) * pitch + x) * quads;",
    declareSums(tile),
    "  for (var q = 0u; q < quads; q++) {",
    loadWindows(tile, buffers),
    `  let at = group_weights + q * ${tile.outputs * 9}u;`,
    cornersOf(tile, { input: (row, column) => `p${row}_${column}`, channels }),
    multiplyAdd(tile, { weight: (output, tap) => weightAt(tile, `at + ${output * 9 + tap}u`), channels }),
    "  }",
    finish(tile),
  ].join("\n");
  const places = { threads, tiles: tiles.x * tiles.y, tiles_across: tiles.x, squares: squaresOfSide };
  return channelGroups(packed, buffers.weights, tile.weights).map(({ weights, count, numbers }) =>
    dispatch(`${name} input gradient`, {
      bindings: bindings(weights),
      numbers: { ...shape, ...places, ...numbers },
      threads: tile.threads,
      workgroups: [Math.ceil(threads / tile.threads), count, 1],
      body,
    })
  );
}

/** The windows of a tile, opened to their four positions. */
function loadWindows(tile: ConvTile, { gradients, origins }: InputGradientBuffers): string {
  const { rows, columns } = patchOf(tile);
  return range(rows / 2).flatMap((row) =>
    range(columns / 2).flatMap((column) => {
      const at = `corner + (${row}u * pitch + ${column}u) * quads + q`;
      return [
        `  let g${row}_${column} = ${load(gradients, "gradients", at)};`,
        openWindow(load(origins, "origins", at), row, column),
      ];
    })
  ).join("\n");
}

/** WGSL: p of the four positions of window (row, column), from its gradient g and its word of origins. */
function openWindow(origins: string, row: number, column: number): string {
  const name = `${row}_${column}`;
  return [
    `  let o${name} = (vec4(${origins}) >> vec4(0u, 8u, 16u, 24u)) & vec4(255u);`,
    ...range(4).map((corner) =>
      `  let p${2 * row + (corner >> 1)}_${2 * column + (corner & 1)} = ` +
      `select(vec4<f32>(), g${name}, o${name} == vec4(${corner}u));`
    ),
  ].join("\n");
}

function finish(tile: ConvTile): string {
  const stores = squares(tile).flatMap(({ x, y }, square) =>
    range(tile.outputs / 4).flatMap((quad) =>
      range(4).map((corner) => {
        const row = `image * target_pitch + 2u * y + ${2 * y + (corner >> 1) + 1}u`;
        const column = `2u * x + ${2 * x + (corner & 1) + 1}u`;
        const at = `((${row}) * target_pitch + ${column}) * input_quads + group_quad + ${quad}u`;
        const sums = range(4).map((c) => sumAt(4 * quad + c, square, corner)).join(", ");
        return `  outputs[${at}] = vec4(${sums}) * scale;`;
      })
    )
  );
  return ["  let scale = bitcast<f32>(scale_bits);", ...stores].join("\n");
}
