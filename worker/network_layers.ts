// A network as a list of layers, each with its shape and its parameters: the one description from which the engines make their plans.
import {
  type ConvShape,
  type DenseShape,
  layerShapes,
  type ModelSpec,
  type Parameter,
  parameterTable,
} from "../shared/model.ts";

/** A layer of some shape. */
export interface NetworkLayer<Shape> {
  /** As parameters are named after it: "conv1", "dense2". */
  readonly name: string;
  readonly shape: Shape;
  readonly kernel: Parameter;
  readonly bias: Parameter;
}

/** The conv blocks and the dense layers of a network, from the images up. */
export function networkLayers(spec: ModelSpec): {
  readonly convs: readonly NetworkLayer<ConvShape>[];
  readonly denses: readonly NetworkLayer<DenseShape>[];
} {
  const table = parameterTable(spec);
  const convs: NetworkLayer<ConvShape>[] = [];
  const denses: NetworkLayer<DenseShape>[] = [];
  for (const shape of layerShapes(spec)) {
    const [kernel, bias] = [table[2 * shape.layer]!, table[2 * shape.layer + 1]!];
    const name = kernel.name.slice(0, kernel.name.indexOf("."));
    if (shape.kind === "conv") convs.push({ name, shape, kernel, bias });
    else denses.push({ name, shape, kernel, bias });
  }
  return { convs, denses };
}
