// Convolution + bias + ReLU + dropout + 2×2 max-pool of a block in one kernel. The convolution's own output is never written: only
// the pooled values, and one byte for each that says where its maximum stood (0 … 3 in row order, the first of equals; 4 where no
// gradient passes). A NaN in a window comes out as NaN, so that divergence is seen.
import { dropoutScale } from "../../../shared/dropout.ts";
import type { ConvBlock } from "./conv_shape.ts";
import type { ConvTile } from "./conv_tile.ts";
import { channelGroups, GROUP, type PackedWeights, weightAt } from "./conv_weights.ts";
import { cornersOf, declareSums, multiplyAdd, patchOf, squares, sumAt } from "./convolve.ts";
import { type Binding, type Dispatch, dispatch, literal, load, range, type Slice } from "./dispatch.ts";
import { DROPS } from "./dropout.ts";
import { stagedLoop } from "./staged.ts";

/** What a forward pass reads and writes. */
export interface ForwardBuffers {
  /** [images][side][side][inputQuads] vec4. */
  readonly inputs: Slice;
  readonly weights: Slice;
  /** What dropout keeps, as dropout_mask.ts writes it; where the block has dropout. */
  readonly masks: Slice | undefined;
  /** [images][pooled][pooled][quads] vec4. */
  readonly outputs: Slice;
  /** [images][pitch][pitch][quads] u32 of four bytes. */
  readonly origins: Slice;
}

/** The forward pass of a block: one dispatch, or one for each group of filters. */
export function convForward(
  block: ConvBlock,
  tile: ConvTile,
  packed: PackedWeights,
  buffers: ForwardBuffers,
): Dispatch[] {
  const { pooled, images, name, side, pitch, inputQuads, quads } = block;
  const tiles = { x: Math.ceil(pooled / tile.width), y: Math.ceil(pooled / tile.height) };
  const threads = images * tiles.x * tiles.y;
  const shape = { side, pooled, pitch, input_quads: inputQuads, quads };
  const bindings = (weights: Binding): Binding[] => [
    { name: "inputs", type: "array<vec4<f32>>", access: "read", at: buffers.inputs },
    weights,
    { name: "outputs", type: "array<vec4<f32>>", access: "read_write", at: buffers.outputs },
    { name: "origins", type: "array<u32>", access: "read_write", at: buffers.origins },
    ...buffers.masks ? [{ name: "masks", type: "array<u32>", access: "read", at: buffers.masks } as const] : [],
  ];
  if (tile.form === "staged") {
    const { body, functions, workgroups, numbers } = stagedLoop(block, tile, packed, "forward");
    const all = { name: "weights", type: "array<vec4<f32>>", access: "read", at: buffers.weights } as const;
    return [dispatch(`${name} forward`, {
      bindings: bindings(all),
      numbers: { ...shape, ...numbers },
      threads: tile.threads,
      workgroups,
      functions,
      body: `${body}\n${finish(block, tile, buffers, range(tile.outputs / 4))}`,
    })];
  }
  // No early return and no branch around loads: on a software adapter both cost the fast ones. The surplus threads do the last's
  // work again.
  const body = [
    "  let i = min(id.x, threads - 1u);",
    "  let image = i / tiles;",
    `  let y = min(i % tiles / tiles_across * ${tile.height}u, pooled - ${tile.height}u);`,
    `  let x = min(i % tiles_across * ${tile.width}u, pooled - ${tile.width}u);`,
    GROUP,
    `  let group_quad = channel_group * ${tile.outputs / 4}u;`,
    tile.form === "straight" ? straight(block, tile, buffers) : loop(block, tile, buffers),
  ].join("\n");
  const places = { threads, tiles: tiles.x * tiles.y, tiles_across: tiles.x };
  const source = tile.form === "loop" ? tile.weights : "storage";
  return channelGroups(packed, buffers.weights, source).map(({ weights, count, numbers }) =>
    dispatch(`${name} forward`, {
      bindings: bindings(weights),
      numbers: { ...shape, ...places, ...numbers },
      threads: tile.threads,
      workgroups: [Math.ceil(threads / tile.threads), count, 1],
      body,
    })
  );
}

function loop(block: ConvBlock, tile: ConvTile, buffers: ForwardBuffers): string {
  const { inputQuads } = block;
  const channels = inputQuads === 1 ? block.inputChannels : 4;
  return [
    LOAD_ADDRESS,
    declareSums(tile),
    "  for (var q = 0u; q < input_quads; q++) {",
    loadPatch(tile, buffers.inputs, "q"),
    `  let at = group_weights + q * ${tile.outputs * 9}u;`,
    cornersOf(tile, { input: (row, column) => `p${row}_${column}`, channels }),
    multiplyAdd(tile, { weight: (output, tap) => weightAt(tile, `at + ${output * 9 + tap}u`), channels }),
    "  }",
    finish(block, tile, buffers, range(tile.outputs / 4)),
  ].join("\n");
}

/**
 * Without a loop a weight at a constant index is one scalar load on a software adapter. Four outputs at a time, stored before the
 * next begin: more sums at once are spilled.
 */
function straight(block: ConvBlock, tile: ConvTile, buffers: ForwardBuffers): string {
  const { inputQuads, inputChannels } = block;
  const channelsOf = (q: number) => Math.min(4, inputChannels - 4 * q);
  const all = range(inputQuads).flatMap((q) => [
    loadPatch(tile, buffers.inputs, `${q}u`, `_${q}`),
    cornersOf(tile, {
      input: (row, column) => `p${row}_${column}_${q}`,
      channels: channelsOf(q),
      suffix: `_${q}`,
    }),
  ]);
  const parts = range(tile.outputs / 4).map((quad) => {
    const outputs = range(4).map((c) => 4 * quad + c);
    const sums = range(inputQuads).map((q) =>
      multiplyAdd(tile, {
        weight: (output, tap) => `weights[${(q * tile.outputs + output) * 9 + tap}]`,
        channels: channelsOf(q),
        outputs,
        suffix: `_${q}`,
      })
    );
    return [declareSums(tile, outputs), ...sums, finish(block, tile, buffers, [quad])].join("\n");
  });
  return [LOAD_ADDRESS, ...all, ...parts].join("\n");
}

const LOAD_ADDRESS = "  let corner = ((image * side + 2u * y) * side + 2u * x) * input_quads;";

function loadPatch(tile: ConvTile, inputs: Slice, quad: string, suffix = ""): string {
  const { rows, columns } = patchOf(tile);
  return range(rows).flatMap((row) =>
    range(columns).map((column) => {
      const at = `corner + (${row}u * side + ${column}u) * input_quads + ${quad}`;
      return `  let p${row}_${column}${suffix} = ${load(inputs, "inputs", at)};`;
    })
  ).join("\n");
}

/** Bias, ReLU, dropout and pooling of the sums, and the stores. */
function finish(
  { shape }: ConvBlock,
  tile: ConvTile,
  { masks }: ForwardBuffers,
  vectors: readonly number[],
): string {
  const first = `group_weights + input_quads * ${tile.outputs * 9}u`;
  const scaled = shape.dropout > 0
    ? ` * select(1.0, ${literal(dropoutScale(shape.dropout))}, (mask & ${DROPS}u) != 0u)`
    : "";
  const lines: string[] = [];
  for (const [square, { x, y }] of squares(tile).entries()) {
    for (const quad of vectors) {
      const bias = weightAt(tile, `${first} + ${quad}u`);
      const sum = (corner: number) => `vec4(${range(4).map((c) => sumAt(4 * quad + c, square, corner)).join(", ")})`;
      const kept = (corner: number) =>
        shape.dropout > 0
          ? `select(vec4<f32>(), ${sum(corner)} + bias, (vec4(mask >> ${
            4 * corner
          }u) & vec4(1u, 2u, 4u, 8u)) != vec4<u32>())`
          : `${sum(corner)} + bias`;
      const at = `((image * pooled + y + ${y}u) * pooled + x + ${x}u) * quads + group_quad + ${quad}u`;
      const origin = `((image * pitch + y + ${y + 1}u) * pitch + x + ${x + 1}u) * quads + group_quad + ${quad}u`;
      lines.push(
        "  {",
        `  let at = ${at};`,
        `  let bias = ${bias};`,
        ...masks ? [`  let mask = ${load(masks, "masks", "at")};`] : [],
        ...range(4).map((corner) => `  let v${corner} = ${kept(corner)};`),
        "  let greatest = max(max(v0, v1), max(v2, v3));",
        // Comparisons would lose a NaN, and a driver may assume that there is none: its bits are looked at.
        "  let sum_of_all = (v0 + v1) + (v2 + v3);",
        "  let is_nan = (bitcast<vec4<u32>>(sum_of_all) & vec4(0x7fffffffu)) > vec4(0x7f800000u);",
        "  var from_where = select(select(select(vec4(3u), vec4(2u), v2 == greatest), vec4(1u), v1 == greatest), vec4(0u), v0 == greatest);",
        "  from_where = select(from_where, vec4(4u), greatest <= vec4<f32>());",
        `  outputs[at] = select(max(greatest, vec4<f32>())${scaled}, sum_of_all, is_nan);`,
        `  origins[${origin}] = from_where.x | (from_where.y << 8u) | (from_where.z << 16u) | (from_where.w << 24u);`,
        "  }",
      );
    }
  }
  return lines.join("\n");
}
