// Where a model has dropout, and the same model with some of it.
import { layerShapes, type ModelSpec } from "../../shared/model.ts";

/** The layers with dropout: conv blocks, and dense layers. Indices in the model's list. */
export function dropoutLayers(
  spec: ModelSpec,
): { readonly conv: readonly number[]; readonly dense: readonly number[] } {
  const shapes = layerShapes(spec);
  return {
    conv: shapes.flatMap((shape) => shape.kind === "conv" && shape.dropout > 0 ? [shape.layer] : []),
    dense: shapes.flatMap((shape) => shape.kind === "dense" && shape.dropoutBefore > 0 ? [shape.layer] : []),
  };
}

/** The model with the dropout of these layers alone. @param layers indices in the model's list */
export function withDropoutIn(spec: ModelSpec, layers: readonly number[]): ModelSpec {
  return {
    ...spec,
    layers: spec.layers.map((layer, index) => {
      if (layers.includes(index)) return layer;
      return layer.kind === "conv" ? { ...layer, dropout: 0 } : { ...layer, dropoutBefore: 0 };
    }),
  };
}
