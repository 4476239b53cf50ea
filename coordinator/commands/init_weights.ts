// --init-weights: the weights of a model file as one flat array, which all trainings begin with.
import type { ModelSpec } from "../../shared/model.ts";
import { readModelWeights } from "../storage/mod.ts";

/**
 * Reads the weights.safetensors of a model.
 * @returns flat float32 weights of the model's parameter count
 * @throws {HerdError} data, if the file cannot be read or is not of this model
 */
export function readInitWeights(path: string, model: ModelSpec): Promise<Float32Array> {
  const remedy = "give the weights.safetensors of a model like this one";
  return readModelWeights(path, model, { what: `--init-weights ${path}`, remedy });
}
