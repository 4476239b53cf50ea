// The multiply-adds that the forward pass and the input gradient share: a patch of inputs times 3×3 taps, vector of input channels by
// vector of input channels. Sums are named variables s{output}_{position}, since no driver keeps an indexed array in registers.
import type { ConvTile } from "./conv_tile.ts";
import { COMPONENTS, range } from "./dispatch.ts";

/** A tile's 2×2 squares, in row order. */
export function squares({ width, height }: ConvTile): { readonly x: number; readonly y: number }[] {
  return range(width * height).map((i) => ({ x: i % width, y: Math.floor(i / width) }));
}

/** The variables of all sums. */
export function declareSums(tile: ConvTile, outputs = range(tile.outputs)): string {
  const positions = range(4 * tile.width * tile.height);
  return outputs.map((o) => "  " + positions.map((p) => `var s${o}_${p} = 0.0;`).join(" ")).join("\n");
}

/**
 * One vector of input channels: every sum grows by 9 taps × `channels`.
 * @param input the vec4 of patch pixel (row, column), already loaded
 * @param weight the vec4 of an output's tap
 * @param channels of the vector that are not filled up
 */
export function multiplyAdd(
  tile: ConvTile,
  { input, weight, channels, outputs = range(tile.outputs) }: {
    input(row: number, column: number): string;
    weight(output: number, tap: number): string;
    readonly channels: number;
    readonly outputs?: readonly number[];
  },
): string {
  const lines: string[] = [];
  for (const output of outputs) {
    for (let tap = 0; tap < 9; tap++) {
      const terms = COMPONENTS.slice(0, channels).flatMap((component) =>
        squares(tile).flatMap(({ x, y }, square) =>
          range(4).map((corner) => {
            const row = 2 * y + (corner >> 1) + Math.floor(tap / 3);
            const column = 2 * x + (corner & 1) + tap % 3;
            return `s${output}_${4 * square + corner} += ${input(row, column)}.${component} * w.${component};`;
          })
        )
      );
      lines.push(`{ let w = ${weight(output, tap)}; ${terms.join(" ")} }`);
    }
  }
  return lines.join("\n");
}

/** Pixels of the patch that a tile reads: rows and columns. */
export function patchOf({ width, height }: ConvTile): { readonly rows: number; readonly columns: number } {
  return { rows: 2 * height + 2, columns: 2 * width + 2 };
}
