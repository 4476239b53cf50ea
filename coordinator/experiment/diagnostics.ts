// --diagnostics: looks on while trainings go on, and changes nothing in them. Without it there is no such object, and
// no cost.
import { type Parameter, parameterTable } from "../../shared/model.ts";
import type { ArmName, DiagnosticsSummary, Position } from "../events/mod.ts";
import { centralize } from "./centralize.ts";
import { type DiagnosticsRow, trainingFields } from "./diagnostics_rows.ts";
import { Summarizer } from "./diagnostics_summary.ts";
import { kernelsOf, observe } from "./kernel_figures.ts";
import type { NumericConfig } from "./numeric_config.ts";
import type { GradientTransformation } from "./optimizer.ts";
import { UpdatePairs } from "./update_pairs.ts";

/** What is looked at, and who hears of it. */
export interface DiagnosticsOptions {
  readonly config: Pick<NumericConfig, "compute" | "learningRate" | "gcScope" | "gcScale">;
  /** The baseline first. */
  readonly arms: readonly ArmName[];
  /** The rows of earlier processes, up to the steps that trainings go on from. */
  readonly earlier?: Iterable<DiagnosticsRow>;
  /** Is called once a step, with rows in the order of the file. */
  onRows(rows: readonly DiagnosticsRow[]): void;
  /** Is called at the end of each epoch, with what was seen until then. */
  onSummary?(summary: DiagnosticsSummary): void;
  /** A clock, in milliseconds. */
  readonly now?: () => number;
}

/**
 * Observes every step. Holds copies of one gradient and of one training's weights, and what {@linkcode UpdatePairs}
 * keeps.
 */
export class Diagnostics {
  readonly #options: DiagnosticsOptions;
  readonly #now: () => number;
  readonly #table: readonly Parameter[];
  readonly #centralize: GradientTransformation;
  readonly #pairs: UpdatePairs;
  readonly #summarizer = new Summarizer();
  #gradient = new Float32Array();
  #weights = new Float32Array();
  #began = 0;

  /** Takes up what earlier processes have seen. */
  constructor(options: DiagnosticsOptions) {
    const { config: { compute, gcScope: scope, gcScale: scale }, arms, earlier = [], now = () => performance.now() } =
      options;
    this.#options = options;
    this.#now = now;
    this.#table = parameterTable(compute.model);
    this.#centralize = centralize({ scope, scale });
    this.#pairs = new UpdatePairs(arms, this.#table);
    for (const row of earlier) this.#summarizer.add(row);
  }

  /** A step's update begins: from here to {@linkcode after} it is timed. Both arrays are flat, and copied. */
  before(gradient: Float32Array, weights: Float32Array): void {
    this.#gradient = copyInto(this.#gradient, gradient);
    this.#weights = copyInto(this.#weights, weights);
    this.#began = this.#now();
  }

  /**
   * The weights have changed.
   * @param update flat float32: what was added to them
   */
  after(at: Position, update: Float32Array): void {
    const updateMs = this.#now() - this.#began;
    const { config: { gcScope: scope, learningRate }, onRows } = this.#options;
    const table = this.#table;
    const figures = observe({ gradient: this.#gradient, update, weights: this.#weights, table, scope });
    const times = { centralizeMs: this.#timeCentralize(), updateMs };
    const compared = this.#pairs.add(at, update);
    const { epoch, step } = at;
    const own = compared.find(({ arm }) => arm === at.key.arm);
    const rows = figures.map((one, i): DiagnosticsRow => ({
      ...trainingFields(at.key, learningRate),
      epoch,
      step,
      ...one,
      updateCosine: own?.cosines[i] ?? null,
      ...(i === 0 ? times : NO_TIMES),
    }));
    const late = compared.filter((one) => one !== own).flatMap(({ arm, cosines }) =>
      kernelsOf(table).flatMap(({ name: kernel }, i): DiagnosticsRow[] => {
        const updateCosine = cosines[i]!;
        if (updateCosine === null) return [];
        const training = trainingFields({ ...at.key, arm }, learningRate);
        return [{ ...training, epoch, step, kernel, ...NO_FIGURES, updateCosine, ...NO_TIMES }];
      })
    );
    rows.push(...late);
    for (const row of rows) this.#summarizer.add(row);
    onRows(rows);
    const summary = step === at.steps ? this.summary() : null;
    if (summary !== null) this.#options.onSummary?.(summary);
  }

  /** What was seen until now, by earlier processes too; null before the first step. */
  summary(): DiagnosticsSummary | null {
    return this.#summarizer.result();
  }

  /** Of the copy, so that it is known for arms that do not centralize too. The copy is of no use afterwards. */
  #timeCentralize(): number {
    const context = { state: {}, weights: this.#weights, table: this.#table };
    const began = this.#now();
    this.#centralize.update(this.#gradient, context);
    return this.#now() - began;
  }
}

const NO_FIGURES = { gradientNorm: null, removedShare: null, weightNorm: null, kernelMean: null, updateNorm: null };
const NO_TIMES = { centralizeMs: null, updateMs: null };

/** A copy, in the same memory if it fits. */
function copyInto(target: Float32Array<ArrayBuffer>, source: Float32Array): Float32Array<ArrayBuffer> {
  if (target.length !== source.length) return source.slice();
  target.set(source);
  return target;
}
