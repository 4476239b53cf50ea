// A model as the table that Keras prints of it.
import { kerasLayers, type ModelSpec, parameterCount } from "../../shared/model.ts";

/** The lines of the table: each layer with its output shape and its number of parameters. */
export function summaryTable(title: string, model: ModelSpec): string[] {
  const rows = kerasLayers(model).map(({ name, outputShape, parameters }) => [
    name,
    `(None, ${outputShape.join(", ")})`,
    parameters.toLocaleString("en"),
  ]);
  const head = ["Layer", "Output shape", "Param #"];
  const widths = head.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i]!.length)));
  const format = (row: readonly string[]) =>
    `  ${row[0]!.padEnd(widths[0]!)}  ${row[1]!.padEnd(widths[1]!)}  ${row[2]!.padStart(widths[2]!)}`;
  const rule = `  ${"─".repeat(widths[0]! + widths[1]! + widths[2]! + 4)}`;
  const total = parameterCount(model).toLocaleString("en");
  return [`Model   ${title}`, format(head), rule, ...rows.map(format), rule, `  Total params: ${total}`];
}
