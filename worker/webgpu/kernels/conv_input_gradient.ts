// The gradient of a block's input, gathered: each 2×2 square of input pixels looks at the windows that read it, takes their gradient
// at the position of the maximum, and convolves with the taps turned round. What it writes is the bordered gradient of the block
// below, whose own ReLU and dropout act when that is read. The scale of this block's dropout comes last.
import { dropoutScale } from "../../../shared/dropout.ts";
import type { ConvBlock } from "./conv_shape.ts";
import type { ConvTile } from "./conv_tile.ts";
import type { PackedWeights } from "./conv_weights.ts";
import { cornersOf, declareSums, multiplyAdd, patchOf, squares, sumAt } from "./convolve.ts";
import { type Binding, type Dispatch, dispatch, literal, range, type Slice } from "./dispatch.ts";
import { stagedLoop } from "./staged.ts";

/** What the pass reads and writes. */
export interface InputGradientBuffers {
  /** [images][pitch][pitch][quads] vec4 of the pooled output's gradient. */
  readonly gradients: Slice;
  /** [images][pitch][pitch][quads] u32. */
  readonly origins: Slice;
  readonly weights: Slice;
  readonly groupNumbers: Slice;
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
  const { side, images, name } = block;
  const squaresOfSide = (side + 1) >> 1;
  const tiles = { x: Math.ceil(squaresOfSide / tile.width), y: Math.ceil(squaresOfSide / tile.height) };
  const threads = images * tiles.x * tiles.y;
  const staged = tile.form === "staged";
  const bindings = (group: number): Binding[] => {
    const bytes = 16 * packed.stride;
    const weights = staged
      ? buffers.weights
      : { ...buffers.weights, offset: buffers.weights.offset + group * bytes, bytes };
    const length = (staged ? packed.groups : 1) * packed.stride;
    return [
      { name: "gradients", type: "array<vec4<f32>>", access: "read", at: buffers.gradients },
      { name: "origins", type: "array<u32>", access: "read", at: buffers.origins },
      {
        name: "weights",
        type: `array<vec4<f32>, ${length}>`,
        access: tile.weights === "uniform" && !staged ? "uniform" : "read",
        at: weights,
      },
      { name: "outputs", type: "array<vec4<f32>>", access: "read_write", at: buffers.target },
      ...staged ? [] : [
        {
          name: "number",
          type: "vec4<u32>",
          access: "uniform",
          at: { ...buffers.groupNumbers, offset: buffers.groupNumbers.offset + 256 * group, bytes: 16 },
        } as const,
      ],
    ];
  };
  const stores = finish(block, tile, buffers.targetPitch);
  if (staged) {
    const { body, functions, workgroups } = stagedLoop(block, tile, packed, "input gradient");
    const all = { bindings: bindings(0), threads: tile.threads, workgroups, functions, body: `${body}\n${stores}` };
    return [dispatch(`${name} input gradient`, all)];
  }
  const channels = block.quads === 1 ? block.filters : 4;
  const body = [
    `  let i = min(id.x, ${threads - 1}u);`,
    `  let image = i / ${tiles.x * tiles.y}u;`,
    `  let y = min(i % ${tiles.x * tiles.y}u / ${tiles.x}u * ${tile.height}u, ${squaresOfSide - tile.height}u);`,
    `  let x = min(i % ${tiles.x}u * ${tile.width}u, ${squaresOfSide - tile.width}u);`,
    `  let group_quad = number.x * ${tile.outputs / 4}u;`,
    `  let corner = ((image * ${block.pitch}u + y) * ${block.pitch}u + x) * ${block.quads}u;`,
    declareSums(tile),
    `  for (var q = 0u; q < ${block.quads}u; q++) {`,
    loadWindows(block, tile),
    `  let at = q * ${tile.outputs * 9}u;`,
    cornersOf(tile, { input: (row, column) => `p${row}_${column}`, channels }),
    multiplyAdd(tile, { weight: (output, tap) => `weights[at + ${output * 9 + tap}u]`, channels }),
    "  }",
    stores,
  ].join("\n");
  const workgroups = [Math.ceil(threads / tile.threads), 1, 1] as const;
  return range(packed.groups).map((group) =>
    dispatch(`${name} input gradient`, { bindings: bindings(group), threads: tile.threads, workgroups, body })
  );
}

/** The windows of a tile, opened to their four positions. */
function loadWindows({ pitch, quads }: ConvBlock, tile: ConvTile): string {
  const { rows, columns } = patchOf(tile);
  return range(rows / 2).flatMap((row) =>
    range(columns / 2).flatMap((column) => {
      const at = `corner + ${(row * pitch + column) * quads}u + q`;
      return [`  let g${row}_${column} = gradients[${at}];`, openWindow(`origins[${at}]`, row, column)];
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

function finish({ inputQuads, shape }: ConvBlock, tile: ConvTile, pitch: number): string {
  const scale = shape.dropout > 0 ? ` * ${literal(dropoutScale(shape.dropout))}` : "";
  return squares(tile).flatMap(({ x, y }, square) =>
    range(tile.outputs / 4).flatMap((quad) =>
      range(4).map((corner) => {
        const row = `image * ${pitch}u + 2u * y + ${2 * y + (corner >> 1) + 1}u`;
        const at = `((${row}) * ${pitch}u + 2u * x + ${
          2 * x + (corner & 1) + 1
        }u) * ${inputQuads}u + group_quad + ${quad}u`;
        const sums = range(4).map((c) => sumAt(4 * quad + c, square, corner)).join(", ");
        return `  outputs[${at}] = vec4(${sums})${scale};`;
      })
    )
  ).join("\n");
}
