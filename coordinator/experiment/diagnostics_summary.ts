// What the rows of diagnostics.csv say as a whole: means for each kernel, and what a step costs.
import type { DiagnosticsSummary, LayerDiagnostics } from "../events/mod.ts";
import type { DiagnosticsRow } from "./diagnostics_rows.ts";

const FIGURES = ["gradientNorm", "removedShare", "weightNorm", "kernelMean", "updateNorm"] as const;

/** A mean in the making: float64, in the order in which values come. */
class Mean {
  #sum = 0;
  #count = 0;

  add(value: number): void {
    this.#sum += value;
    this.#count++;
  }

  get value(): number | null {
    return this.#count === 0 ? null : this.#sum / this.#count;
  }
}

/**
 * A summary in the making; it keeps no rows. Trainings with a role are left out, and so are a kernel's figures of a step
 * if one of them is not finite: the training has diverged.
 */
export class Summarizer {
  readonly #layers = new Map<
    string,
    Pick<LayerDiagnostics, "arm" | "learningRate" | "kernel"> & { means: Mean[]; cosine: Mean }
  >();
  readonly #centralizeMs: number[] = [];
  readonly #updateMs: number[] = [];

  /** Adds what a row says. */
  add(row: DiagnosticsRow): void {
    if (row.role !== null) return;
    const { arm, learningRate, kernel, updateCosine, centralizeMs, updateMs } = row;
    const id = [arm, learningRate, kernel].join();
    const layer = this.#layers.get(id) ??
      { arm, learningRate, kernel, means: FIGURES.map(() => new Mean()), cosine: new Mean() };
    this.#layers.set(id, layer);
    const figures = FIGURES.flatMap((name) => row[name] ?? []);
    if (figures.length === FIGURES.length && figures.every(Number.isFinite)) {
      figures.forEach((value, i) => layer.means[i]!.add(value));
    }
    if (updateCosine !== null) layer.cosine.add(updateCosine);
    if (centralizeMs !== null) this.#centralizeMs.push(centralizeMs);
    if (updateMs !== null) this.#updateMs.push(updateMs);
  }

  /** The summary of all rows so far; null before there are any. */
  result(): DiagnosticsSummary | null {
    const [centralizeMs, updateMs] = [median(this.#centralizeMs), median(this.#updateMs)];
    if (centralizeMs === null || updateMs === null) return null;
    const layers = this.#layers.values().flatMap(({ means, cosine, ...names }) => {
      const [gradientNorm, removedShare, weightNorm, kernelMean, updateNorm] = means.flatMap(({ value }) =>
        value ?? []
      );
      if (updateNorm === undefined) return [];
      return [{
        ...names,
        gradientNorm: gradientNorm!,
        removedShare: removedShare!,
        weightNorm: weightNorm!,
        kernelMean: kernelMean!,
        updateNorm,
        updateCosine: cosine.value,
      }];
    });
    return { layers: [...layers], centralizeMs, updateMs };
  }
}

/** The summary of rows, such as those of a file; null if there are none. */
export function summarize(rows: Iterable<DiagnosticsRow>): DiagnosticsSummary | null {
  const summarizer = new Summarizer();
  for (const row of rows) summarizer.add(row);
  return summarizer.result();
}

function median(values: readonly number[]): number | null {
  if (values.length === 0) return null;
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
