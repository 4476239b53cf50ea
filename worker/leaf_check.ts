// What every engine asks of the samples that it is handed.
import type { EngineOptions, Leaf } from "./engine.ts";

/** @throws {RangeError} if a leaf has more samples than the engine was made for, or one of a class that the model has not */
export function assertFits({ samples }: Leaf, { microBatch, spec }: Pick<EngineOptions, "microBatch" | "spec">): void {
  if (samples.length > microBatch) {
    throw new RangeError(`A leaf has ${samples.length} samples: the engine was made for ${microBatch}`);
  }
  const classes = Math.max(spec.classes, 2);
  for (const { id, label } of samples) {
    if (label >= 0 && label < classes) continue;
    throw new RangeError(`Sample ${id} has class ${label}: the model has ${classes}`);
  }
}
