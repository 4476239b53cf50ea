// A figure of each kernel in each arm, a row a kernel.
import type { LayerDiagnostics } from "../../../events/mod.ts";
import { across, DASHES, placed } from "../channels.ts";
import type { Chart } from "../draw.ts";
import { plain } from "../figures.ts";
import { BY_ARM } from "../looks.ts";
import { scaleOf } from "../scale.ts";

const ROW = 26;

/** What there is of a kernel that can be drawn. */
export type KernelFigure = "removedShare" | "updateCosine" | "gradientNorm" | "weightNorm" | "updateNorm";

/** Dots by kernel; kernels are named by the diagnostics, the arms by their shapes and the legend that the page has. */
export function kernelChart(
  layers: readonly LayerDiagnostics[],
  { figure, id, title, subtitle, reference }: {
    readonly figure: KernelFigure;
    readonly id: string;
    readonly title: string;
    readonly subtitle: string;
    /** A value that is always on the axis, with a line. */
    readonly reference: number;
  },
): Chart {
  const known = layers.flatMap(({ arm, kernel, [figure]: value }) =>
    value === null || !Number.isFinite(value) ? [] : [{ arm, kernel: kernel.replace(/\.kernel$/, ""), value }]
  );
  const kernels = [...new Set(known.map(({ kernel }) => kernel))];
  const place = (kernel: string) => (kernels.indexOf(kernel) + 0.5) * ROW;
  const rows = known.map((one) => ({ ...one, place: place(one.kernel) }));
  const names = kernels.map((kernel) => ({ text: kernel, place: place(kernel) }));
  const height = Math.max(1, kernels.length) * ROW;
  const x = across("value", scaleOf([reference, ...rows.map(({ value }) => value)], 4), null);
  const y = placed("place", height, 0);
  const { color, shape } = BY_ARM;
  return {
    id,
    title,
    subtitle,
    description: `${title}, by kernel: ${
      rows.map(({ arm, kernel, value }) => `${kernel}, ${arm}: ${plain(value, 3)}`).join("; ")
    }.`,
    height,
    left: 92,
    right: 20,
    layers: [
      { data: { values: names }, mark: { type: "rule", color: "var(--grid)" }, encoding: { y } },
      {
        data: { values: [{ value: reference }] },
        mark: { type: "rule", color: "var(--soft)", strokeDash: DASHES.dotted },
        encoding: { x },
      },
      {
        data: { values: rows },
        mark: { type: "point", filled: true, size: 64, opacity: 0.9 },
        encoding: { x, y, color, shape },
      },
      {
        data: { values: names },
        mark: { type: "text", align: "right", baseline: "middle", fontSize: 11, limit: 84, color: "var(--ink)" },
        encoding: { x: { value: -8 }, y, text: { field: "text" } },
      },
    ],
  };
}
