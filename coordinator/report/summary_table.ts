// A model as people see it before a run: in a line, or as the table that Keras prints of it, with what it costs.
import { columns, formatBytes } from "../../shared/cli/format.ts";
import { kerasLayers, type ModelSpec, parameterCount } from "../../shared/model.ts";
import { type EngineMemory, flopsOf } from "../../shared/model_cost.ts";

/** A model, and what an engine's worker holds for it. */
export interface SummarizedModel {
  /** What it is called. */
  readonly name: string;
  /** Its layers and image size. */
  readonly model: ModelSpec;
  /** Null where it is not known. */
  readonly memory: EngineMemory | null;
  /** The engine whose memory that is. */
  readonly engine: string;
}

/** The model in two lines: its size, and what a step costs. */
export function summaryLines({ name, model, memory, engine }: SummarizedModel): string[] {
  const { imageSize } = model;
  const weights = `${parameterCount(model).toLocaleString("en")} parameters`;
  const layers = `${kerasLayers(model).length} layers, images of ${imageSize} × ${imageSize} px`;
  const cost = `${operations(flopsOf(model).training)} an image of a training step`;
  const held = memory === null ? "" : `; a worker of ${engine} needs ${formatBytes(memory.total)}`;
  return [`Model   ${name}: ${weights}, ${layers}`, `        ${cost}${held}`];
}

/** The lines of the table: each layer with its output shape, its parameters and its operations; then memory and totals. */
export function summaryTable({ name, model, memory, engine }: SummarizedModel): string[] {
  const flops = flopsOf(model);
  const rows = kerasLayers(model).map(({ name, outputShape, parameters }, i) => [
    name,
    `(None, ${outputShape.join(", ")})`,
    parameters.toLocaleString("en"),
    flops.layers[i] === 0 ? "" : operations(flops.layers[i]!),
  ]);
  const head = ["Layer", "Output shape", "Param #", "FLOPs"];
  const numbers = [2, 3].map((i) => Math.max(...[head, ...rows].map((row) => row[i]!.length)));
  const aligned = [head, ...rows].map(([layer, shape, parameters, cost]) => [
    layer!,
    shape!,
    parameters!.padStart(numbers[0]!),
    cost!.padStart(numbers[1]!),
  ]);
  const [first, ...rest] = columns(aligned);
  const rule = "─".repeat(Math.max(...rest.map(({ length }) => length), first!.length));
  const parameters = parameterCount(model);
  const table = [first!, rule, ...rest, rule, `Total params: ${parameters.toLocaleString("en")}`];
  const step = `Operations an image: ${operations(flops.forward)} forward, ${
    operations(flops.training)
  } in a training step`;
  return [`Model   ${name}`, ...[...table, step, ...memoryLines(memory, engine)].map((line) => `  ${line}`)];
}

function memoryLines(memory: EngineMemory | null, engine: string): string[] {
  if (memory === null) return [];
  const { weights, gradients, leaf, total } = memory;
  const parts = `weights ${formatBytes(weights)}, gradient sums ${formatBytes(gradients)}`;
  return [
    `Memory of a worker of ${engine}: ${formatBytes(total)} (${parts}, activations and the rest ${formatBytes(leaf)})`,
  ];
}

/** "1.9 GFLOP": an addition or a multiplication is one. */
function operations(count: number): string {
  if (count < 1e3) return `${count} FLOP`;
  if (count < 1e6) return `${(count / 1e3).toFixed(1)} kFLOP`;
  return count < 1e9 ? `${(count / 1e6).toFixed(1)} MFLOP` : `${(count / 1e9).toFixed(1)} GFLOP`;
}
