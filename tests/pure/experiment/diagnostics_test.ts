import { assert, assertEquals } from "@std/assert";
import type { ArmName, DiagnosticsSummary, Position } from "../../../coordinator/events/mod.ts";
import { armOptimizer } from "../../../coordinator/experiment/arms.ts";
import { Diagnostics } from "../../../coordinator/experiment/diagnostics.ts";
import {
  DIAGNOSTICS_HEADER,
  diagnosticsLine,
  type DiagnosticsRow,
  parseDiagnostics,
  rowsUntil,
} from "../../../coordinator/experiment/diagnostics_rows.ts";
import { summarize } from "../../../coordinator/experiment/diagnostics_summary.ts";
import type { NumericConfig } from "../../../coordinator/experiment/numeric_config.ts";
import { applyUpdate } from "../../../coordinator/experiment/optimizer.ts";
import type { Report } from "../../../coordinator/report/report.ts";
import { builtInModel, parameterCount, parameterTable } from "../../../shared/model.ts";

const MODEL = builtInModel("tiny", 22);
const TABLE = parameterTable(MODEL);
const KERNELS = 5;
const CONFIG: NumericConfig = {
  compute: { dataset: "ab12", model: MODEL, batchSize: 8, microBatch: 2, compress: "none", compressGradients: false },
  limit: null,
  learningRate: 1e-2,
  optimizer: "rmsprop",
  momentum: 0.5,
  nesterov: false,
  gcScope: "all",
  gcScale: 1,
  initWeights: null,
};
const ARMS: ArmName[] = ["no-gc", "gc", "gc-update"];
const STEPS = 3;
const EPOCHS = 2;

/** Everything that happens, in order: arms in turns by epoch, their order reversed each time. */
const POSITIONS: readonly Position[] = [ARMS, ARMS.toReversed()].slice(0, EPOCHS).flatMap((arms, i) =>
  arms.flatMap((arm) =>
    Array.from({ length: STEPS }, (_, step) => ({
      key: { arm, seed: 5 },
      epoch: i + 1,
      step: step + 1,
      steps: STEPS,
    }))
  )
);

type State = Record<ArmName, { weights: Float32Array; slots: Record<string, Float32Array> }>;

function beginning(): State {
  const begin = (arm: ArmName) => ({
    weights: Float32Array.from({ length: parameterCount(MODEL) }, (_, i) => Math.sin(i)),
    slots: { ...armOptimizer(arm, CONFIG).init(TABLE) },
  });
  return { "no-gc": begin("no-gc"), gc: begin("gc"), "gc-update": begin("gc-update") };
}

/** Steps as the loop does them; gradients follow from weights, epoch and step. */
function train(state: State, positions: readonly Position[], diagnostics?: Diagnostics): void {
  for (const at of positions) {
    const { weights, slots } = state[at.key.arm];
    const gradient = weights.map((weight, i) => weight + Math.cos(i * at.step + at.epoch) + 0.25);
    diagnostics?.before(gradient, weights);
    armOptimizer(at.key.arm, CONFIG).update(gradient, { state: slots, weights, table: TABLE });
    applyUpdate(weights, gradient);
    diagnostics?.after(at, gradient);
  }
}

function collect(earlier: readonly DiagnosticsRow[] = []) {
  const rows: DiagnosticsRow[] = [];
  let time = 0;
  const onRows = (more: readonly DiagnosticsRow[]) => void rows.push(...more);
  const diagnostics = new Diagnostics({ config: CONFIG, arms: ARMS, earlier, onRows, now: () => (time += 1) ** 2 });
  return { rows, diagnostics };
}

Deno.test("diagnostics change no bit of a training", () => {
  const [off, on] = [beginning(), beginning()];
  train(off, POSITIONS);
  train(on, POSITIONS, collect().diagnostics);
  assertEquals(on, off);
});

Deno.test("there is a row for each training, step and kernel, and every cosine is known once", () => {
  const { rows, diagnostics } = collect();
  train(beginning(), POSITIONS, diagnostics);
  const figures = rows.filter(({ gradientNorm }) => gradientNorm !== null);
  assertEquals(figures.length, POSITIONS.length * KERNELS);
  const name = ({ arm, epoch, step, kernel }: DiagnosticsRow) => [arm, epoch, step, kernel].join();
  assertEquals(new Set(figures.map(name)).size, figures.length);
  const known = rows.filter(({ updateCosine }) => updateCosine !== null);
  assertEquals(new Set(known.map(name)).size, known.length);
  assertEquals(known.length, 2 * EPOCHS * STEPS * KERNELS);
  assert(known.every(({ arm }) => arm !== "no-gc"));
  // In the second epoch the baseline is last, and its steps tell the others' cosines.
  assertEquals(rows.filter(({ gradientNorm }) => gradientNorm === null).map(({ epoch }) => epoch), Array(30).fill(2));
});

Deno.test("the gradient is seen before the optimizer, the weights before the step, the update after the chain", () => {
  const { rows, diagnostics } = collect();
  const gradient = new Float32Array(parameterCount(MODEL)).fill(3);
  const weights = gradient.map(() => 2);
  const at: Position = { key: { arm: "gc", seed: 5, learningRate: 3e-4 }, epoch: 1, step: 1, steps: 3 };
  diagnostics.before(gradient, weights);
  gradient.fill(-1);
  applyUpdate(weights, gradient);
  diagnostics.after(at, gradient);
  const { size } = TABLE[0]!;
  assertEquals(rows[0], {
    arm: "gc",
    seed: 5,
    learningRate: 3e-4,
    role: null,
    epoch: 1,
    step: 1,
    kernel: "conv1.kernel",
    gradientNorm: Math.sqrt(9 * size),
    removedShare: 1,
    weightNorm: Math.sqrt(4 * size),
    kernelMean: 2,
    updateNorm: Math.sqrt(size),
    updateCosine: null,
    // The clock shows 1, 4, 9, 16.
    centralizeMs: 7,
    updateMs: 3,
  });
  assertEquals(rows.slice(1).map(({ updateMs }) => updateMs), Array(KERNELS - 1).fill(null));
});

Deno.test("gc-update's updates have a cosine below 1 to the baseline's, and no-gc has none in the summary", () => {
  const { diagnostics } = collect();
  assertEquals(diagnostics.summary(), null);
  train(beginning(), POSITIONS, diagnostics);
  // The report takes it as it is.
  const summary: Report["diagnostics"] = diagnostics.summary();
  assertEquals(summary!.layers.length, 3 * KERNELS);
  for (const { arm, updateCosine } of summary!.layers) {
    if (arm === "no-gc") assertEquals(updateCosine, null);
    else assert(updateCosine! > -1 && updateCosine! < 1);
  }
});

Deno.test("the summary follows from the file's rows", () => {
  const { rows, diagnostics } = collect();
  train(beginning(), POSITIONS, diagnostics);
  const text = DIAGNOSTICS_HEADER + rows.map(diagnosticsLine).join("");
  assertEquals(summarize(parseDiagnostics(text)), diagnostics.summary());
});

/** Without what may differ after a break: times, and whether a cosine is known. */
function lasting(rows: readonly DiagnosticsRow[]): unknown[] {
  return rows.filter(({ gradientNorm }) => gradientNorm !== null)
    .map(({ updateCosine: _, centralizeMs: __, updateMs: ___, ...row }) => row);
}

Deno.test("broken off after any step and gone on with from an earlier one, rows and figures have the same bits", () => {
  const whole = collect();
  train(beginning(), POSITIONS, whole.diagnostics);
  for (let broken = 1; broken < POSITIONS.length; broken++) {
    for (const lost of [0, 1, 2].filter((lost) => lost <= broken)) {
      const first = collect();
      const state = beginning();
      train(state, POSITIONS.slice(0, broken - lost), first.diagnostics);
      const saved = structuredClone(state);
      train(state, POSITIONS.slice(broken - lost, broken), first.diagnostics);
      const stands = ARMS.flatMap((arm) => {
        const last = POSITIONS.slice(0, broken - lost).findLast(({ key }) => key.arm === arm);
        return last === undefined ? [] : [last];
      });
      const kept = rowsUntil(first.rows, stands, CONFIG.learningRate);
      const second = collect(kept);
      train(saved, POSITIONS.slice(broken - lost), second.diagnostics);
      const all = [...kept, ...second.rows];
      assertEquals(lasting(all), lasting(whole.rows));
      const known = all.filter(({ updateCosine }) => updateCosine !== null);
      const find = (row: DiagnosticsRow) =>
        whole.rows.filter((one) =>
          one.updateCosine !== null && one.arm === row.arm && one.epoch === row.epoch && one.step === row.step &&
          one.kernel === row.kernel
        );
      assertEquals(known.map(({ updateCosine }) => updateCosine), known.map((row) => find(row)[0]!.updateCosine));
      assertEquals(new Set(known.map((row) => find(row)[0])).size, known.length, "no cosine counts twice");
      const figures = (summary: DiagnosticsSummary | null) =>
        summary!.layers.map(({ updateCosine: _, ...figures }) => figures);
      assertEquals(figures(second.diagnostics.summary()), figures(whole.diagnostics.summary()));
      assertEquals(second.diagnostics.summary(), summarize(all));
    }
  }
});
