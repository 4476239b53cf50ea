// What centralizing does to each kernel, and what it costs.
import type { ArmName } from "../../../events/mod.ts";
import { markup } from "../../markup.ts";
import type { LayerDiagnostics } from "../../../events/mod.ts";
import type { Report } from "../../report.ts";
import { kernelChart } from "../charts/kernels.ts";
import { figureOf } from "../figure.ts";
import { plain, rate } from "../figures.ts";
import { grid, type Section } from "../section.ts";
import { figures, folded, type Table, tableOf, words } from "../table.ts";
import { defaultRate } from "../trainings.ts";

/** Null without --diagnostics. */
export async function diagnosticsSection(report: Report): Promise<Section | null> {
  const { diagnostics } = report;
  if (diagnostics === null) return null;
  const { layers, centralizeMs, updateMs } = diagnostics;
  const shown = layers.filter(({ learningRate }) => learningRate === defaultRate(report));
  const hasCosines = shown.some(({ updateCosine }) => updateCosine !== null);
  const table = layerTable("Kernels, means over steps and seeds", layers);
  const drawn = shown.length === 0 ? [] : [
    await figureOf(report, {
      chart: kernelChart(shown, {
        figure: "removedShare",
        id: "kernels-removed",
        title: "Share of the gradient's norm removed",
        subtitle: legendOf(shown),
        reference: 0,
      }),
      caption: "What centralizing takes away of the gradient's norm, or in arms without it would take away.",
      table: layerTable("Kernels at the default rate", shown),
    }),
    ...!hasCosines ? [] : [
      await figureOf(report, {
        chart: kernelChart(shown, {
          figure: "updateCosine",
          id: "kernels-cosine",
          title: "Cosine to the baseline's update",
          subtitle: legendOf(shown),
          reference: 1,
        }),
        caption: "Updates of the same step of the same seed: 1 is the same direction, 0 a right angle.",
        table: layerTable("Kernels at the default rate", shown),
      }),
    ],
  ];
  return {
    id: "mechanism",
    title: "What centralizing does",
    content: [
      markup`<p>Centralizing took ${plain(centralizeMs, 2)} ms a step, of ${
        plain(updateMs, 2)
      } ms for the whole update (medians). The
figures below are means over steps and seeds.</p>`,
      grid(drawn),
      folded("All kernels and rates", tableOf(table)),
    ],
  };
}

const SIGNS: Readonly<Record<ArmName, string>> = { "no-gc": "●", gc: "■", "gc-update": "▲" };

/** The arms' shapes. */
function legendOf(layers: readonly LayerDiagnostics[]): string {
  return [...new Set(layers.map(({ arm }) => arm))].map((arm) => `${SIGNS[arm]} ${arm}`).join(",  ");
}

function layerTable(caption: string, layers: readonly LayerDiagnostics[]): Table {
  return {
    caption,
    columns: [
      ...words("Kernel", "Arm"),
      ...figures(
        "Rate",
        "‖gradient‖",
        "Share removed",
        "‖weights‖",
        "Mean of the kernel",
        "‖update‖",
        "Cosine of updates",
      ),
    ],
    rows: layers.map((one) => [
      one.kernel,
      one.arm,
      rate(one.learningRate),
      plain(one.gradientNorm, 4),
      plain(one.removedShare, 3),
      plain(one.weightNorm, 3),
      plain(one.kernelMean, 5),
      plain(one.updateNorm, 4),
      plain(one.updateCosine, 3),
    ]),
  };
}
