// The gradient of a block's kernel: thread = some input channels × filters × 9 taps over a band of rows of windows of ONE image, which
// it walks along. Of a window's four positions only the maximum has a gradient, so its 3×3 inputs are picked out of the 4×4 patch by two
// levels of select: 21 selects and 9 multiply-adds instead of 36. Partial sums: [image][band][tap][filter][input channel].
import type { ConvBlock } from "./conv_shape.ts";
import type { FilterTile } from "./conv_tile.ts";
import { COMPONENTS, type Dispatch, dispatch, load, range, type Slice } from "./dispatch.ts";

/** What the pass reads and writes. */
export interface FilterGradientBuffers {
  /** [images][side][side][inputQuads] vec4. */
  readonly inputs: Slice;
  /** [images][pitch][pitch][quads] vec4 and u32. */
  readonly gradients: Slice;
  readonly origins: Slice;
  readonly partials: Slice;
}

/** Bands of an image. */
export function bandsOf({ pooled }: ConvBlock, bandRows: number): number {
  return Math.ceil(pooled / bandRows);
}

/** vec4 of a block's kernel gradient as the device keeps it: [tap][filter][input channel], both filled up to vectors of four. */
export function filterVectors({ quads, inputQuads }: ConvBlock): number {
  return 9 * 4 * quads * inputQuads;
}

/** The first pass; the second is sum_partials.ts over images × bands. */
export function convFilterGradient(block: ConvBlock, tile: FilterTile, buffers: FilterGradientBuffers): Dispatch {
  const { name, images, side, inputQuads, quads, pooled, pitch } = block;
  const { inputs, outputs, bandRows, threads } = tile;
  const type = inputs === 4 ? "vec4<f32>" : "f32";
  // Of an input pixel, in values of the type.
  const stride = inputs === 4 ? inputQuads : 4 * inputQuads;
  const bands = bandsOf(block, bandRows);
  const groups = 4 * quads / outputs;
  const count = images * bands * stride * groups;
  const input = (row: number, column: number) =>
    load(buffers.inputs, "inputs", `xb + (${row}u * side + ${column}u) * stride`);
  const patch = (columns: readonly number[], keyword: string) =>
    range(4).flatMap((row) => columns.map((column) => `  ${keyword} x${row}_${column} = ${input(row, column)};`)).join(
      "\n",
    );
  const body = `  let i = min(id.x, threads - 1u);
  let q = i % stride;
  let filters = i / stride % groups;
  let band = i / (stride * groups);
  let image = band / bands;
  let first = band % bands * band_rows;
${range(9).map((tap) => "  " + range(outputs).map((o) => `var s${tap}_${o} = ${type}();`).join(" ")).join("\n")}
  for (var r = 0u; r < band_rows; r++) {
  // Beyond the last row lies the border, which has no gradient.
  let row = first + r;
  var xb = (image * side + 2u * min(row, pooled - 1u)) * side * stride + q;
  var gb = ((image * pitch + min(row, pooled) + 1u) * pitch + 1u) * quads + filters * ${outputs / 4}u;
${patch([0, 1], "var")}
  for (var window = 0u; window < pooled; window++) {
${patch([2, 3], "let")}
${
    range(outputs / 4).map((k) => {
      const [g, o] = [buffers.gradients, buffers.origins].map((at, i) =>
        load(at, i === 0 ? "gradients" : "origins", `gb + ${k}u`)
      );
      return `  let g${k} = ${g}; let o${k} = ${o};`;
    }).join("\n")
  }
${range(outputs).map(pick).join("\n")}
${range(4).map((row) => `  x${row}_0 = x${row}_2; x${row}_1 = x${row}_3;`).join("\n")}
  xb += 2u * stride;
  gb += quads;
  }
  }
${
    range(9).flatMap((tap) =>
      range(outputs).map((o) =>
        `  partials[((band * 9u + ${tap}u) * 4u * quads + ${o}u + filters * ${outputs}u) * stride + q] = s${tap}_${o};`
      )
    ).join("\n")
  }`;
  return dispatch(`${name} filter gradient`, {
    bindings: [
      { name: "inputs", type: `array<${type}>`, access: "read", at: buffers.inputs },
      { name: "gradients", type: "array<vec4<f32>>", access: "read", at: buffers.gradients },
      { name: "origins", type: "array<u32>", access: "read", at: buffers.origins },
      { name: "partials", type: `array<${type}>`, access: "read_write", at: buffers.partials },
    ],
    numbers: { side, pooled, pitch, quads, stride, groups, bands, band_rows: bandRows, threads: count },
    threads,
    workgroups: [Math.ceil(count / threads), 1, 1],
    body,
  });
}

/** One filter's part of a window: rows by the maximum's row, then columns by its column. */
function pick(output: number): string {
  const [vector, component] = [output >> 2, COMPONENTS[output & 3]!];
  const lines = [
    `  { let from_where = (o${vector} >> ${8 * (output & 3)}u) & 255u;`,
    `  let g = select(g${vector}.${component}, 0.0, from_where > 3u);`,
    "  let below = (from_where & 2u) != 0u; let right = (from_where & 1u) != 0u;",
  ];
  for (const row of range(3)) {
    lines.push(
      "  " +
        range(4).map((column) => `let y${row}_${column} = select(x${row}_${column}, x${row + 1}_${column}, below);`)
          .join(" "),
      "  " +
        range(3).map((column) =>
          `s${3 * row + column}_${output} += select(y${row}_${column}, y${row}_${column + 1}, right) * g;`
        ).join(" "),
    );
  }
  return [...lines, "  }"].join("\n");
}
