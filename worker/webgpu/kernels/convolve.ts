// The multiply-adds that the forward pass and the input gradient share: a patch of inputs times 3×3 taps, vector of input channels by
// vector of input channels. Sums are named variables s{output}_{square}, since no driver keeps an indexed array in registers; each is
// the vec4 of a square's four positions, in row order: so written, a kernel is a quarter as long, and compiles sooner.
import type { ConvTile } from "./conv_tile.ts";
import { COMPONENTS, range } from "./dispatch.ts";

/** A tile's 2×2 squares, in row order. */
export function squares({ width, height }: ConvTile): { readonly x: number; readonly y: number }[] {
  return range(width * height).map((i) => ({ x: i % width, y: Math.floor(i / width) }));
}

/** The variables of all sums. */
export function declareSums(tile: ConvTile, outputs = range(tile.outputs)): string {
  const all = range(tile.width * tile.height);
  return outputs.map((o) => "  " + all.map((square) => `var s${o}_${square} = vec4<f32>();`).join(" ")).join("\n");
}

/** WGSL: the sum of an output at a corner (0 … 3 in row order) of a square. */
export function sumAt(output: number, square: number, corner: number): string {
  return `s${output}_${square}.${COMPONENTS[corner]}`;
}

/**
 * One vector of input channels: every sum grows by 9 taps × `channels`.
 * @param input the vec4 of patch pixel (row, column), already loaded
 * @param weight the vec4 of an output's tap
 * @param channels of the vector that are not filled up
 * @param suffix of the names that this part defines
 */
export function multiplyAdd(
  tile: ConvTile,
  { weight, channels, outputs = range(tile.outputs), suffix = "" }: {
    weight(output: number, tap: number): string;
    readonly channels: number;
    readonly outputs?: readonly number[];
    readonly suffix?: string;
  },
): string {
  const lines: string[] = [];
  for (const output of outputs) {
    for (let tap = 0; tap < 9; tap++) {
      const terms = COMPONENTS.slice(0, channels).flatMap((component) =>
        squares(tile).map(({ x, y }, square) => {
          const position = `${2 * y + Math.floor(tap / 3)}_${2 * x + tap % 3}`;
          return `s${output}_${square} += c${position}_${component}${suffix} * w.${component};`;
        })
      );
      lines.push(`{ let w = ${weight(output, tap)}; ${terms.join(" ")} }`);
    }
  }
  return lines.join("\n");
}

/**
 * WGSL: the channels of a patch as multiplyAdd reads them: c{row}_{column}_{channel} is one channel of the 2×2 pixels whose first is
 * (row, column).
 * @param input the vec4 of patch pixel (row, column), already loaded
 */
export function cornersOf(
  tile: ConvTile,
  { input, channels, suffix = "" }: {
    input(row: number, column: number): string;
    readonly channels: number;
    readonly suffix?: string;
  },
): string {
  const { rows, columns } = patchOf(tile);
  return range(rows - 1).flatMap((row) =>
    range(columns - 1).map((column) =>
      "  " + COMPONENTS.slice(0, channels).map((component) => {
        const four = [[0, 0], [0, 1], [1, 0], [1, 1]].map(([down, right]) =>
          `${input(row + down!, column + right!)}.${component}`
        );
        return `let c${row}_${column}_${component}${suffix} = vec4(${four.join(", ")});`;
      }).join(" ")
    )
  ).join("\n");
}

/** Pixels of the patch that a tile reads: rows and columns. */
export function patchOf({ width, height }: ConvTile): { readonly rows: number; readonly columns: number } {
  return { rows: 2 * height + 2, columns: 2 * width + 2 };
}
